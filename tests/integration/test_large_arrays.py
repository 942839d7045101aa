"""Arrays that several workers share: the same answer as from one, and one end whatever happens."""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from catboost import CatBoostClassifier
from celery import Celery
from kombu.connection import Connection
from kombu.messaging import Producer
from redis import Redis
from redis.client import PubSub

from api.dispatch.chunks import split
from shared.messages import task_message
from shared.queues import Lane
from shared.results import encode_unfinished, result_key
from tests.builders import a_reading, a_row
from tests.integration.test_reference import as_csv
from tests.processes import Process, wait_until
from tests.servers import Servers
from tests.stack import SHIPPED_MODEL, Client, Stack
from worker.gather import PIECES_PREFIX, pieces_key

ROWS = 1000
CHUNKS = 10


def a_large_array() -> list[dict[str, Any]]:
    """Rows that the model tells from one another."""
    return [
        a_row(
            afts_regno_ai=f"А{n % 997:03}ВК{n % 50 + 100}",
            afts_regno_ai_score=(n + 1) / (ROWS + 1),
            recognition_accuracy=n % 100,
            time_check=f"2021-08-01T{n % 24:02}:{n % 60:02}:00",
        )
        for n in range(ROWS)
    ]


ARRAY = a_large_array()


@pytest.fixture(scope="module")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Three workers, and chunks of a hundred rows."""
    stack = Stack(
        servers.rabbit.add_vhost("arrays"),
        servers.redis.url.removesuffix("/0") + "/5",
        tmp_path_factory.mktemp("arrays"),
        workers=3,
        settings={"REGNO_CHUNK_ROWS": str(ROWS // CHUNKS)},
    )
    stack.wait_ready()
    yield stack
    stack.close()


@contextmanager
def another_door(stack: Stack, folder: Path, **settings: str) -> Iterator[Client]:
    """A second front door to the same workers."""
    environment = stack.environment
    urls = environment["REGNO_BROKER_URL"], environment["REGNO_REDIS_URL"]
    door = Stack(*urls, folder, workers=0, settings=settings)
    try:
        door.wait_ready()
        yield door.client
    finally:
        door.close()


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.environment["REGNO_REDIS_URL"]) as client:
        yield client


@pytest.fixture(scope="module")
def expected(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the workers answer to the array as one task."""
    with another_door(stack, tmp_path_factory.mktemp("whole"), REGNO_CHUNK_ROWS="1000") as door:
        answer = door.post("/v1/predict", json=ARRAY, params={"timeout": 20})
    assert answer.status_code == 200, answer.text
    predictions = predictions_text(answer.text)
    assert len({prediction["positive"] for prediction in json.loads(predictions)}) > ROWS // 4
    return predictions


def predictions_text(body: str) -> str:
    """The predictions as they are written in an answer, to the last digit."""
    return body[body.index("[{") : body.rindex("}]") + 2]


@contextmanager
def paused(workers: Sequence[Process]) -> Iterator[None]:
    with ExitStack() as pauses:
        for worker in workers:
            pauses.enter_context(worker.paused())
        yield


def submit(client: Client, rows: Any = ARRAY) -> str:
    answer = client.post("/v1/tasks", json=rows)
    assert answer.status_code == 202, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


def ended(client: Client, task_id: str) -> Any:
    answer = client.get(f"/v1/tasks/{task_id}", params={"wait": 20})
    assert answer.status_code == 200, answer.text
    return answer


def pieces(redis: Redis, task_id: str) -> int:
    return redis.hlen(pieces_key(task_id, CHUNKS))


def all_is_taken(stack: Stack) -> None:
    """Returns when the workers have taken everything that was published before."""
    broker = stack.environment["REGNO_BROKER_URL"]
    with Connection(broker) as connection:
        channel = connection.default_channel

        def empty() -> bool:
            return all(
                channel.queue_declare(lane.value, passive=True).message_count == 0 for lane in Lane
            )

        wait_until(empty, 20, "the queues are empty")
    # What a worker holds comes before what it is sent now, and each of the chunks goes to another.
    assert ended(stack.client, submit(stack.client)).json()["status"] == "done"


@pytest.fixture
def channel(redis: Redis) -> Iterator[PubSub]:
    """Hears where Celery announces results."""
    with redis.pubsub() as channel:
        channel.psubscribe(result_key("*"))
        assert channel.get_message(timeout=5)
        yield channel


def ends_heard(redis: Redis, channel: PubSub, task_id: str) -> list[str]:
    """The statuses that were announced of a task since the channel listens."""
    redis.publish(result_key("marker"), b"marker")
    found = []
    while (message := channel.get_message(timeout=5)) and message["data"] != b"marker":
        if message["channel"].decode() == result_key(task_id):
            found.append(json.loads(message["data"])["status"])
    return found


def computed_by(stack: Stack) -> dict[str, int]:
    """How many tasks each worker has ended."""
    app = Celery(broker=stack.environment["REGNO_BROKER_URL"], set_as_current=False)
    count = len(stack.workers)
    replies = app.control.broadcast("stats", reply=True, timeout=10, limit=count)
    app.close()
    totals = {name: stats["total"] for reply in replies for name, stats in reply.items()}
    assert len(totals) == count
    return {name: total.get("pick_regno", 0) for name, total in totals.items()}


@pytest.mark.parametrize("path", ["/v1/predict", "/reg/"])
@pytest.mark.parametrize("form", ["json", "csv"])
def test_three_workers_share_an_array_and_answer_as_one_would(
    stack: Stack, expected: str, path: str, form: str
) -> None:
    before = computed_by(stack)
    body: dict[str, Any] = (
        {"json": ARRAY}
        if form == "json"
        else {"data": as_csv(ARRAY), "headers": {"Content-Type": "text/csv"}}
    )
    answer = stack.client.post(path, **body)
    assert answer.status_code == 200, answer.text
    assert predictions_text(answer.text) == expected
    added = {name: total - before[name] for name, total in computed_by(stack).items()}
    assert sum(added.values()) == CHUNKS
    assert all(added.values()), added


def test_an_accepted_array_is_done_under_its_own_id_and_leaves_nothing_else(
    stack: Stack, redis: Redis, expected: str
) -> None:
    task_id = submit(stack.client)
    answer = ended(stack.client, task_id)
    assert answer.json()["task_id"] == task_id
    assert predictions_text(answer.text) == expected
    assert list(redis.scan_iter(PIECES_PREFIX + "*")) == []
    assert list(redis.scan_iter(result_key(task_id) + "-*")) == []
    assert redis.ttl(result_key(task_id)) > 0


def test_a_celery_client_reads_the_result_of_an_array(stack: Stack, expected: str) -> None:
    task_id = submit(stack.client)
    app = Celery(backend=stack.environment["REGNO_REDIS_URL"], set_as_current=False)
    result = app.AsyncResult(task_id).get(timeout=20)
    app.backend.result_consumer.stop()
    app.backend.client.close()
    assert result["predictions"] == json.loads(expected)


def test_an_array_whose_worker_is_killed_ends_once_and_right(
    stack: Stack, redis: Redis, channel: PubSub, expected: str
) -> None:
    doomed = stack.workers[0]
    with ExitStack() as pause:
        pause.enter_context(doomed.paused())
        task_id = submit(stack.client)
        wait_until(lambda: pieces(redis, task_id) > 0, 10, "another worker has done its share")
        assert pieces(redis, task_id) < CHUNKS  # the paused one holds its own
        assert redis.ttl(pieces_key(task_id, CHUNKS)) > 0
        assert stack.client.get(f"/v1/tasks/{task_id}").json()["status"] == "queued"
        pause.pop_all()  # what is killed cannot be resumed
    stack.replace_worker(doomed)
    answer = ended(stack.client, task_id)
    assert predictions_text(answer.text) == expected
    assert ends_heard(redis, channel, task_id) == ["SUCCESS"]
    assert pieces(redis, task_id) == 0
    stack.wait_ready()


def test_arrays_that_are_being_computed_when_a_worker_is_killed_all_end_right(
    stack: Stack, redis: Redis, expected: str
) -> None:
    stack.wait_ready()
    task_ids = [submit(stack.client) for _ in range(8)]
    stack.replace_worker(stack.workers[0])
    for task_id in task_ids:
        assert predictions_text(ended(stack.client, task_id).text) == expected
    stack.wait_ready()
    all_is_taken(stack)
    assert list(redis.scan_iter(PIECES_PREFIX + "*")) == []


@pytest.fixture
def producer(stack: Stack) -> Iterator[Producer]:
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        yield Producer(connection.default_channel)


def publish_spoilt(producer: Producer, task_id: str, lane: Lane) -> None:
    """Publishes the chunks of an array of which row 712 is wrong, as no front door would."""
    rows = [a_reading() for _ in range(ROWS)]
    rows[712].time_check = "yesterday"
    for part in split(task_id, rows, ROWS // CHUNKS):
        message = task_message(
            lane,
            part.task_id,
            part.rows,
            expires_at=4_000_000_000,
            expires_in=60,
            request_id="spoilt",
            chunk=part.chunk,
        )
        message.properties.pop("expiration", None)  # kombu would take it for seconds
        options = {"headers": message.headers, **message.properties}
        producer.publish(message.body, routing_key=message.queue, **options)


@pytest.mark.parametrize("lane", Lane)
def test_a_chunk_that_fails_is_the_end_of_its_array_and_names_the_row(
    stack: Stack, redis: Redis, channel: PubSub, producer: Producer, lane: Lane
) -> None:
    task_id = str(uuid.uuid4())
    redis.set(result_key(task_id), encode_unfinished("PENDING", task_id), ex=60)
    publish_spoilt(producer, task_id, lane)
    answer = ended(stack.client, task_id).json()
    assert answer["status"] == "failed"
    assert [error["pointer"] for error in answer["error"]["errors"]] == ["/712/time_check"]
    all_is_taken(stack)
    assert ends_heard(redis, channel, task_id) == ["FAILURE"]
    assert ended(stack.client, task_id).json()["status"] == "failed"
    assert pieces(redis, task_id) == 0


def test_an_array_that_was_cancelled_before_it_began_is_never_computed(
    stack: Stack, redis: Redis, channel: PubSub
) -> None:
    with paused(stack.workers):
        task_id = submit(stack.client)
        answer = stack.client.delete(f"/v1/tasks/{task_id}")
        assert answer.json() == {"task_id": task_id, "status": "cancelled"}
    all_is_taken(stack)
    assert ended(stack.client, task_id).json()["status"] == "cancelled"
    assert ends_heard(redis, channel, task_id) == ["REVOKED"]
    assert pieces(redis, task_id) == 0


def test_an_array_of_which_a_chunk_has_started_cannot_be_cancelled(
    stack: Stack, redis: Redis, expected: str
) -> None:
    with paused(stack.workers[1:]):
        task_id = submit(stack.client)
        wait_until(lambda: pieces(redis, task_id) > 0, 10, "a chunk is done")
        assert stack.client.delete(f"/v1/tasks/{task_id}").status_code == 409
    assert predictions_text(ended(stack.client, task_id).text) == expected


def test_an_array_that_waited_too_long_expires_once(
    stack: Stack, redis: Redis, channel: PubSub, tmp_path: Path
) -> None:
    with another_door(stack, tmp_path, REGNO_TASK_TTL="0.3", REGNO_CHUNK_ROWS="100") as door:
        with paused(stack.workers):
            task_id = submit(door)
            assert door.get(f"/v1/tasks/{task_id}", params={"wait": 0.4}).json()["status"] == (
                "queued"
            )
        assert ended(door, task_id).json()["status"] == "expired"
        all_is_taken(stack)
        assert ends_heard(redis, channel, task_id) == ["REVOKED"]
        assert pieces(redis, task_id) == 0


def test_an_array_somebody_waited_for_in_vain_is_not_computed(stack: Stack, redis: Redis) -> None:
    with paused(stack.workers):
        answer = stack.client.post("/v1/predict", json=ARRAY, params={"timeout": 0.3})
        assert answer.status_code == 504
    all_is_taken(stack)
    assert list(redis.scan_iter(PIECES_PREFIX + "*")) == []


def test_workers_with_two_models_are_both_named(
    servers: Servers, tmp_path: Path, expected: str
) -> None:
    model = CatBoostClassifier()
    model.load_model(str(SHIPPED_MODEL))
    model.get_metadata()["note"] = "the same trees in another file"
    other = tmp_path / "other.cbm"
    model.save_model(str(other))
    stack = Stack(
        servers.rabbit.add_vhost("two-models"),
        servers.redis.url.removesuffix("/0") + "/6",
        tmp_path,
        settings={"REGNO_CHUNK_ROWS": "100"},
    )
    try:
        stack.environment["REGNO_MODEL_URI"] = str(other)
        stack.add_worker()
        stack.wait_ready()
        ready = stack.client.get("/readyz").json()["workers"]
        versions = {worker["model_version"] for worker in ready}
        assert len(versions) == 2
        answer = stack.client.post("/v1/predict", json=ARRAY, params={"timeout": 20})
        assert set(answer.json()["model_version"].split("+")) == versions
        assert predictions_text(answer.text) == expected
    finally:
        stack.close()
