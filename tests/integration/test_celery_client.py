"""Any Celery client can use the workers: it needs the two URLs and the names, nothing else.

What a client's own application needs, and why:

- a broker and a result backend: the URLs that the service uses;
- ``queue=Queue("regno.async", no_declare=True)`` for each call, or the same in
  ``task_queues``. The workers declare the queues with arguments of their own (quorum, limits);
  a bare name would make Celery declare a classic queue, which RabbitMQ refuses;
- ``broker_transport_options={"confirm_publish": True}``, without which a message may be lost
  before RabbitMQ has it;
- for the ``regno.sync`` queue ``expires=`` as well: a deadline that workers keep to.

It needs no ``task_create_missing_queues`` and no routes as long as it passes a ``Queue``, and
none of the service's code: an error arrives as an exception named like the service's own.
"""

import gc
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, group
from celery.exceptions import NotRegistered, TaskRevokedError
from celery.result import AsyncResult
from kombu.entity import Queue
from redis import Redis

from tests.builders import a_row
from tests.processes import wait_until
from tests.stack import Stack

TIMEOUT = 10


def plain_celery(broker_url: str, redis_url: str) -> Celery:
    app = Celery(broker=broker_url, backend=redis_url, set_as_current=False)
    app.conf.broker_transport_options = {"confirm_publish": True}
    return app


@pytest.fixture(scope="module")
def celery(private_stack: Stack) -> Iterator[Celery]:
    environment = private_stack.environment
    app = plain_celery(environment["REGNO_BROKER_URL"], environment["REGNO_REDIS_URL"])
    app.conf.task_queues = [Queue(lane, no_declare=True) for lane in ("regno.async", "regno.sync")]
    yield app
    gc.collect()  # a result that is part of a cycle says goodbye to Redis, which is still there
    app.backend.result_consumer.stop()
    app.backend.client.close()
    app.close()


def send(celery: Celery, lane: str, *args: Any, **options: Any) -> AsyncResult:
    queue = Queue(lane, no_declare=True)
    return celery.send_task("pick_regno", args, queue=queue, **options)


def predicted(stack: Stack, rows: Any) -> Any:
    answer = stack.client.post("/v1/predict", json=rows)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


@pytest.mark.parametrize("lane", ["regno.async", "regno.sync"])
def test_a_task_sent_by_name_is_answered_as_over_http(
    celery: Celery, private_stack: Stack, lane: str
) -> None:
    rows = [a_row(), a_row(direction=1, afts_regno_ai="")]
    result = send(celery, lane, rows).get(timeout=TIMEOUT)
    assert result["predictions"] == predicted(private_stack, rows)
    (worker, *_) = private_stack.client.get("/readyz").json()["workers"]
    assert result["model_version"] == worker["model_version"]


def test_the_rows_may_be_given_by_name(celery: Celery, private_stack: Stack) -> None:
    result = send(celery, "regno.async", kwargs={"rows": [a_row()]}).get(timeout=TIMEOUT)
    assert result["predictions"] == predicted(private_stack, a_row())


def test_a_bad_row_fails_its_own_task_and_is_named(celery: Celery, private_stack: Stack) -> None:
    with private_stack.workers[0].paused():  # so that all of them are there for one batch
        good = [send(celery, "regno.async", [a_row()]) for _ in range(5)]
        bad = send(celery, "regno.async", [a_row(), a_row(time_check="yesterday")])
        good += [send(celery, "regno.async", [a_row()]) for _ in range(5)]
    with pytest.raises(Exception, match="Expected an ISO 8601 date and time") as caught:
        bad.get(timeout=TIMEOUT)
    assert type(caught.value).__name__ == "InvalidField"
    expected = predicted(private_stack, a_row())
    assert [task.get(timeout=TIMEOUT)["predictions"] for task in good] == [expected] * 10


@pytest.mark.parametrize(
    "arguments",
    [{}, {"args": [1, 2]}, {"kwargs": {"row": []}}, {"args": ["text"]}, {"args": [[]]}],
    ids=str,
)
def test_wrong_arguments_are_an_exception_too(celery: Celery, arguments: dict[str, Any]) -> None:
    queue = Queue("regno.async", no_declare=True)
    result = celery.send_task("pick_regno", queue=queue, **arguments)
    with pytest.raises(Exception, match=r"argument|Expected") as caught:
        result.get(timeout=TIMEOUT)
    assert type(caught.value).__name__ == "InvalidField"


CLIENT = """
import json, sys
from celery import Celery, group
from kombu import Queue

broker, backend, rows = sys.argv[1:]
app = Celery(broker=broker, backend=backend)
queue = Queue("regno.async", no_declare=True)
task = app.send_task("pick_regno", [json.loads(rows)], queue=queue)
try:
    task.get(timeout=10)
except Exception as error:
    print(json.dumps([type(error).__name__, *error.args]))
"""


def test_a_client_without_the_services_code_is_told_which_field_is_wrong(
    private_stack: Stack, tmp_path: Path
) -> None:
    environment = private_stack.environment
    urls = environment["REGNO_BROKER_URL"], environment["REGNO_REDIS_URL"]
    rows = json.dumps([a_row(), a_row(direction="left")])
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLIENT, *urls, rows],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    name, detail, pointer = json.loads(done.stdout)
    assert (name, pointer) == ("InvalidField", "/1/direction")
    assert detail.startswith("Expected `integer | null`")


def test_the_result_of_a_task_accepted_over_http_can_be_read(
    celery: Celery, private_stack: Stack
) -> None:
    task_id = private_stack.client.post("/v1/tasks", json=a_row()).json()["task_id"]
    result = celery.AsyncResult(task_id)
    assert result.get(timeout=TIMEOUT)["predictions"] == predicted(private_stack, a_row())
    assert result.state == "SUCCESS"


def test_get_may_start_before_the_task_is_done(
    celery: Celery, private_stack: Stack, private_redis: Redis
) -> None:
    with ThreadPoolExecutor(1) as pool, ExitStack() as pauses:
        pauses.enter_context(private_stack.workers[0].paused())
        task_id = private_stack.client.post("/v1/tasks", json=a_row()).json()["task_id"]
        result = celery.AsyncResult(task_id)
        assert result.state == "PENDING"
        answer = pool.submit(result.get, timeout=TIMEOUT)
        channel = f"celery-task-meta-{task_id}"
        wait_until(lambda: private_redis.pubsub_numsub(channel)[0][1] == 1, 5, "get listens")
        pauses.close()
        assert answer.result(TIMEOUT)["predictions"] == predicted(private_stack, a_row())


def test_the_result_of_a_synchronous_call_can_be_read(celery: Celery, private_stack: Stack) -> None:
    answer = private_stack.client.post("/v1/predict", json=a_row()).json()
    result = celery.AsyncResult(answer["task_id"]).get(timeout=TIMEOUT)
    assert result["predictions"] == answer["predictions"]


@pytest.mark.parametrize("lane", ["regno.async", "regno.sync"])
def test_a_task_revoked_before_it_is_sent_is_not_computed(
    celery: Celery, private_stack: Stack, lane: str
) -> None:
    task_id = str(uuid.uuid4())
    told = celery.control.revoke(task_id, reply=True, timeout=5, limit=1)
    assert [list(reply) for reply in told] == [
        [worker["name"]] for worker in private_stack.client.get("/readyz").json()["workers"]
    ]
    with pytest.raises(TaskRevokedError):
        send(celery, lane, [a_row()], task_id=task_id).get(timeout=TIMEOUT)
    assert private_stack.client.get(f"/v1/tasks/{task_id}").json()["status"] == "cancelled"


@pytest.mark.parametrize("lane", ["regno.async", "regno.sync"])
def test_a_task_whose_time_is_over_is_not_computed(
    celery: Celery, private_stack: Stack, lane: str
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    result = send(celery, lane, [a_row()], expires=past)
    with pytest.raises(TaskRevokedError, match="expired"):
        result.get(timeout=TIMEOUT)
    state = private_stack.client.get(f"/v1/tasks/{result.id}").json()
    assert state == {"task_id": result.id, "status": "expired"}


FOLLOWER: dict[str, Any] = {"task": "pick_regno", "args": [[a_row()]], "kwargs": {}, "options": {}}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"countdown": 5}, "countdown"),
        ({"eta": datetime.now(UTC) + timedelta(hours=1)}, "eta"),
        ({"link": FOLLOWER}, "link"),
        ({"link_error": FOLLOWER}, "link_error"),
        ({"chain": [FOLLOWER]}, "chain"),
        ({"chord": FOLLOWER}, "chord"),
        ({"serializer": "pickle"}, "content_type"),
        ({"compression": "zlib"}, "Compressed"),
    ],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("lane", ["regno.async", "regno.sync"])
def test_what_this_worker_does_not_do_is_an_exception_that_names_it(
    celery: Celery, lane: str, options: dict[str, Any], named: str
) -> None:
    result = send(celery, lane, [a_row()], **options)
    with pytest.raises(Exception, match=named):
        result.get(timeout=TIMEOUT)


def test_a_group_is_done_task_by_task(celery: Celery, private_stack: Stack) -> None:
    queue = Queue("regno.async", no_declare=True)
    one = celery.signature("pick_regno", args=([a_row()],), queue=queue)
    results = group([one, one], app=celery).apply_async().get(timeout=TIMEOUT)
    expected = predicted(private_stack, [a_row()])
    assert [result["predictions"] for result in results] == [expected, expected]


def test_an_unknown_task_is_the_exception_that_celery_has_for_it(celery: Celery) -> None:
    queue = Queue("regno.async", no_declare=True)
    result = celery.send_task("no.such.task", queue=queue)
    with pytest.raises(NotRegistered):
        result.get(timeout=TIMEOUT)
