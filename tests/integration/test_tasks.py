"""``/v1/tasks``: accepted now, answered later, by whichever front door is asked."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from kombu.connection import Connection
from redis import Redis

from shared.settings import ApiSettings
from tests.builders import a_row
from tests.processes import wait_until
from tests.stack import API_KEY, Client, Stack

NEVER_ISSUED = "00000000-0000-4000-8000-000000000000"
OTHER_KEY = "another-key-that-only-tests-use"


@pytest.fixture
def client(private_stack: Stack) -> Client:
    return private_stack.client


@pytest.fixture(scope="module")
def other_door(private_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A second front door to the same workers, whose tasks expire after half a second."""
    environment = private_stack.environment
    door = Stack(
        environment["REGNO_BROKER_URL"],
        environment["REGNO_REDIS_URL"],
        tmp_path_factory.mktemp("other_door"),
        workers=0,
        settings={"REGNO_TASK_TTL": "0.5", "REGNO_API_KEYS": f"{API_KEY},{OTHER_KEY}"},
    )
    door.wait_ready()
    yield door.client
    door.close()


@contextmanager
def no_worker(stack: Stack) -> Iterator[None]:
    """No worker takes anything while the context lasts."""
    (worker,) = stack.workers
    with worker.paused():
        yield


def submit(client: Client, **options: Any) -> str:
    answer = client.post("/v1/tasks", json=a_row(), **options)
    assert answer.status_code == 202, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


def state(client: Client, task_id: str, wait: float = 0) -> Any:
    answer = client.get(f"/v1/tasks/{task_id}", params={"wait": wait})
    assert answer.status_code == 200, answer.text
    return answer.json()


def marker(private_stack: Stack) -> None:
    """Returns when everything published before has been taken by the worker."""
    assert state(private_stack.client, submit(private_stack.client), wait=20)["status"] == "done"


def published_task_ids(stack: Stack) -> list[str]:
    """What waits in the queue; closing the connection puts it all back."""
    task_ids = []
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        while message := connection.default_channel.basic_get("regno.async"):
            task_ids.append(message.headers["id"])
    return task_ids


def field_errors(answer: requests.Response) -> Any:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.json()["errors"]


def test_an_accepted_task_says_where_its_state_is(client: Client) -> None:
    answer = client.post("/v1/tasks", json=[a_row(), a_row(direction=1)])
    assert answer.status_code == 202
    task_id = answer.json()["task_id"]
    assert answer.json() == {"task_id": task_id, "status": "queued"}
    assert answer.headers["Location"] == f"/v1/tasks/{task_id}"
    done = state(client, task_id, wait=10)
    assert set(done) == {"task_id", "status", "model_version", "predictions"}
    assert (done["task_id"], done["status"]) == (task_id, "done")
    predicted = client.post("/v1/predict", json=[a_row(), a_row(direction=1)]).json()
    assert done["predictions"] == predicted["predictions"]
    assert done["model_version"] == predicted["model_version"]


def test_a_long_poll_ends_when_the_task_does_whoever_accepted_it(
    private_stack: Stack, private_redis: Redis, other_door: Client
) -> None:
    with ThreadPoolExecutor(8) as pool:
        with no_worker(private_stack):
            task_id = submit(private_stack.client)
            polls = [
                pool.submit(state, Client(door.url), task_id, 20)
                for door in [private_stack.client, other_door] * 4
            ]
            for door in (private_stack.client, other_door):
                wait_until(lambda door=door: door.metric("regno_waiters") == 4, 10, "they wait")  # type: ignore[misc]
            assert not any(poll.done() for poll in polls)
            released = time.monotonic()
        answers = [poll.result(30) for poll in polls]
    assert time.monotonic() - released < 5  # they were ready to wait for twenty
    assert [answer["status"] for answer in answers] == ["done"] * 8
    assert private_redis.pubsub_channels("celery-task-meta-*") == []


def test_a_long_poll_of_a_task_that_is_done_returns_at_once(client: Client) -> None:
    task_id = submit(client)
    first = state(client, task_id, wait=10)
    began = time.monotonic()
    assert state(client, task_id, wait=30) == first
    assert time.monotonic() - began < 2


def test_a_long_poll_gives_up_when_its_time_is_over(private_stack: Stack) -> None:
    with no_worker(private_stack):
        task_id = submit(private_stack.client)
        began = time.monotonic()
        assert state(private_stack.client, task_id, wait=0.3)["status"] == "queued"
        assert 0.3 <= time.monotonic() - began < 2


def test_a_task_waits_until_a_worker_comes(private_stack: Stack) -> None:
    (worker,) = private_stack.workers
    assert worker.stop() == 0
    try:
        task_id = submit(private_stack.client)
        assert state(private_stack.client, task_id) == {"task_id": task_id, "status": "queued"}
    finally:
        private_stack.replace_worker(worker)
    assert state(private_stack.client, task_id, wait=20)["status"] == "done"


@pytest.mark.parametrize("task_id", [NEVER_ISSUED, "x", "%00", "a" * 300, "%2e%2e", "🚗"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_id_that_was_never_issued_is_not_found(
    client: Client, method: str, task_id: str
) -> None:
    answer = client.request(method, f"/v1/tasks/{task_id}", params={"wait": 5})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_cancelled_task_is_never_computed(private_stack: Stack, other_door: Client) -> None:
    client = private_stack.client
    with no_worker(private_stack):
        task_id = submit(client)
        for door in (client, other_door, client):
            answer = door.delete(f"/v1/tasks/{task_id}")
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"task_id": task_id, "status": "cancelled"}
    marker(private_stack)
    assert state(client, task_id) == {"task_id": task_id, "status": "cancelled"}


def test_cancelling_ends_the_long_polls_of_the_task(
    private_stack: Stack, private_redis: Redis, other_door: Client
) -> None:
    with no_worker(private_stack), ThreadPoolExecutor(1) as pool:
        task_id = submit(private_stack.client)
        poll = pool.submit(state, other_door, task_id, 20)
        channel = f"celery-task-meta-{task_id}"
        wait_until(lambda: private_redis.pubsub_numsub(channel)[0][1] == 1, 5, "the poll listens")
        private_stack.client.delete(f"/v1/tasks/{task_id}")
        assert poll.result(5)["status"] == "cancelled"


def test_a_task_that_is_done_cannot_be_cancelled(client: Client) -> None:
    task_id = submit(client)
    done = state(client, task_id, wait=10)
    answer = client.delete(f"/v1/tasks/{task_id}")
    assert answer.status_code == 409
    assert "done" in answer.json()["detail"]
    assert state(client, task_id) == done


def test_a_task_that_waited_too_long_expires(private_stack: Stack, other_door: Client) -> None:
    with no_worker(private_stack):
        task_id = submit(other_door)
        accepted = time.monotonic()
        wait_until(lambda: time.monotonic() > accepted + 0.5, 2, "its time is over")
        assert state(other_door, task_id)["status"] == "queued"  # nobody has looked yet
    assert state(other_door, task_id, wait=10) == {"task_id": task_id, "status": "expired"}
    answer = other_door.delete(f"/v1/tasks/{task_id}")
    assert answer.status_code == 409


def test_a_result_is_dropped_after_its_time(
    private_stack: Stack, private_redis: Redis, tmp_path: Path
) -> None:
    environment = private_stack.environment
    (worker,) = private_stack.workers
    worker.stop()
    stack = Stack(
        environment["REGNO_BROKER_URL"],
        environment["REGNO_REDIS_URL"],
        tmp_path,
        settings={"REGNO_RESULT_TTL": "1"},
    )
    try:
        stack.wait_ready()
        task_id = submit(stack.client)
        assert state(stack.client, task_id, wait=20)["status"] == "done"
        assert 0 < private_redis.pttl(f"celery-task-meta-{task_id}") <= 1000
        url = f"/v1/tasks/{task_id}"
        wait_until(lambda: stack.client.get(url).status_code == 404, 5, "the result is dropped")
    finally:
        stack.close()
        private_stack.replace_worker(worker)


def test_a_task_is_known_as_long_as_its_message_may_wait_and_forgotten_in_the_end(
    private_stack: Stack, private_redis: Redis
) -> None:
    """A cancelled one too: forgotten earlier, its message would be computed after all."""
    settings = ApiSettings(broker_url="amqp://x", redis_url="redis://x", api_keys=["x" * 16])
    longest = settings.task_ttl + settings.result_ttl
    with no_worker(private_stack):
        task_id = submit(private_stack.client)
        key = f"celery-task-meta-{task_id}"
        assert settings.task_ttl < private_redis.pttl(key) / 1000 <= longest
        private_stack.client.delete(f"/v1/tasks/{task_id}")
        assert settings.task_ttl < private_redis.pttl(key) / 1000 <= longest


class TestIdempotencyKey:
    def test_the_same_key_and_body_are_the_same_task(
        self, client: Client, other_door: Client
    ) -> None:
        headers = {"Idempotency-Key": "same"}
        first = submit(client, headers=headers)
        assert submit(other_door, headers=headers) == first
        state(client, first, wait=10)
        assert submit(client, headers=headers) == first
        assert submit(client) != first

    def test_fifty_at_once_are_one_task(self, private_stack: Stack, other_door: Client) -> None:
        doors = [private_stack.client, other_door] * 25

        def submit_once(door: Client) -> str:
            return submit(Client(door.url), headers={"Idempotency-Key": "fifty"})

        (worker,) = private_stack.workers
        worker.stop()
        try:
            with ThreadPoolExecutor(50) as pool:
                (task_id,) = set(pool.map(submit_once, doors))
            assert published_task_ids(private_stack) == [task_id]
        finally:
            private_stack.replace_worker(worker)
        assert state(private_stack.client, task_id, wait=20)["status"] in ("done", "expired")

    def test_another_body_is_refused(self, client: Client) -> None:
        headers = {"Idempotency-Key": "used"}
        submit(client, headers=headers)
        answer = client.post("/v1/tasks", json=a_row(direction=1), headers=headers)
        assert answer.status_code == 422
        (error,) = field_errors(answer)
        assert error["parameter"] == "Idempotency-Key"
        assert "another body" in error["detail"]

    @pytest.mark.parametrize("key", ["", "a b", "a\tb", "é", "k" * 256])
    def test_a_malformed_key_is_refused(self, client: Client, key: str) -> None:
        headers = {"Idempotency-Key": key.encode()}
        answer = client.post("/v1/tasks", json=a_row(), headers=headers)
        assert answer.status_code == 422
        (error,) = field_errors(answer)
        assert error["parameter"] == "Idempotency-Key"

    def test_callers_do_not_share_keys(self, other_door: Client) -> None:
        headers = {"Idempotency-Key": "shared"}
        mine = submit(other_door, headers=headers)
        other = {**headers, "x-api-key": OTHER_KEY}
        assert submit(other_door, headers=other) != mine
        answer = other_door.post("/v1/tasks", json=a_row(direction=1), headers=other)
        assert answer.status_code == 422

    def test_a_request_that_was_refused_does_not_use_its_key_up(self, client: Client) -> None:
        headers = {"Idempotency-Key": "again"}
        answer = client.post("/v1/tasks", json=a_row(time_check="?"), headers=headers)
        assert answer.status_code == 422
        submit(client, headers=headers)


class TestPredictWithoutWorker:
    def test_the_deadline_is_kept_and_the_request_never_computed(
        self, private_stack: Stack, private_redis: Redis
    ) -> None:
        client = private_stack.client
        with no_worker(private_stack):
            before = set(private_redis.scan_iter("celery-task-meta-*"))
            began = time.monotonic()
            answer = client.post("/v1/predict", json=a_row(), params={"timeout": 0.2})
            took = time.monotonic() - began
            assert answer.status_code == 504
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert 0.2 <= took < 1
        marker(private_stack)
        outcomes = set(private_redis.scan_iter("celery-task-meta-*")) - before
        stored = [value for value in private_redis.mget(outcomes) if value is not None]
        assert len(stored) == 2
        assert len([value for value in stored if b'"SUCCESS"' in value]) == 1  # the marker's

    def test_respond_async_turns_the_deadline_into_a_task(self, private_stack: Stack) -> None:
        client = private_stack.client
        with no_worker(private_stack):
            answer = client.post(
                "/v1/predict",
                json=a_row(),
                params={"timeout": 0.2},
                headers={"Prefer": "respond-async"},
            )
            assert answer.status_code == 202
            assert answer.headers["Preference-Applied"] == "respond-async"
            task_id = answer.json()["task_id"]
            assert answer.json() == {"task_id": task_id, "status": "queued"}
            assert answer.headers["Location"] == f"/v1/tasks/{task_id}"
        assert state(client, task_id, wait=10)["status"] == "done"


def test_respond_async_is_answered_at_once_where_a_worker_is_free(client: Client) -> None:
    headers = {"Prefer": "respond-async, wait=10"}
    answer = client.post("/v1/predict", json=a_row(), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "respond-async, wait=10"
    predicted = client.post("/v1/predict", json=a_row()).json()
    assert answer.json()["predictions"] == predicted["predictions"]


@pytest.mark.parametrize("seconds", ["-1", "31", "nan", "inf", "", "soon"])
@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [("POST", "/v1/predict", "timeout"), ("GET", f"/v1/tasks/{NEVER_ISSUED}", "wait")],
    ids=["timeout", "wait"],
)
def test_seconds_out_of_range_are_refused(
    client: Client, method: str, path: str, parameter: str, seconds: str
) -> None:
    answer = client.request(method, path, json=a_row(), params={parameter: seconds})
    assert answer.status_code == 422
    assert field_errors(answer) == [
        {"detail": "Expected seconds from 0 to 30", "parameter": parameter}
    ]


def test_task_ids_cannot_be_guessed(client: Client) -> None:
    ids = {submit(client) for _ in range(3)}
    uuid4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(uuid4.fullmatch(task_id) for task_id in ids)
