"""Wrong clocks on the machines of front doors and workers make nothing expire, nor last."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.entity import Queue
from redis import Redis

from ops.local.programs import LOOPBACK, free_port, serving_metrics
from tests.builders import a_row
from tests.processes import wait_until
from tests.scrape import Scrape
from tests.servers import RedisServer, Servers
from tests.shifted_clock import API_SHIFT, WORKER_SHIFT
from tests.stack import Client, Stack

HALF_A_MINUTE = 30
TIMELESS = "Redis has not told the time yet"
QUEUE_WAIT = "regno_queue_wait_seconds"


class Shifted:
    """A stack whose two machines' clocks are a minute apart, and right ones around them."""

    def __init__(self, servers: Servers, folder: Path, worker_ahead: int) -> None:
        metrics_port = free_port()
        self.redis = RedisServer(folder)
        self.redis.wait_ready()
        self.stack = Stack(
            servers.rabbit.add_vhost(f"clocks-{worker_ahead}"),
            self.redis.url,
            folder,
            settings={
                WORKER_SHIFT: str(worker_ahead),
                API_SHIFT: str(-worker_ahead),
                **serving_metrics(metrics_port),
            },
            api="tests.shifted_api",
            worker="tests.shifted_worker",
        )
        self.worker_metrics = f"http://{LOOPBACK}:{metrics_port}/metrics"

    def close(self) -> None:
        self.stack.close()
        self.redis.process.stop()

    def state(self, task_id: str, wait: float = 20) -> Any:
        return self.stack.client.get(f"/v1/tasks/{task_id}", params={"wait": wait}).json()


def submit(client: Client) -> str:
    answer = client.post("/v1/tasks", json=a_row())
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def pass_time(seconds: float) -> None:
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + seconds, seconds + 5, "time passes")


@pytest.fixture(
    scope="module",
    params=[HALF_A_MINUTE, -HALF_A_MINUTE],
    ids=["worker-ahead-api-behind", "worker-behind-api-ahead"],
)
def shifted(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shifted]:
    shifted = Shifted(servers, tmp_path_factory.mktemp("clocks"), request.param)
    with ExitStack() as ends:
        ends.callback(shifted.close)
        shifted.stack.wait_ready()
        yield shifted


@pytest.fixture
def celery(shifted: Shifted) -> Iterator[Celery]:
    """A plain client on a machine whose clock is right."""
    environment = shifted.stack.environment
    app = Celery(
        broker=environment["REGNO_BROKER_URL"],
        backend=environment["REGNO_REDIS_URL"],
        set_as_current=False,
    )
    yield app
    app.backend.client.close()
    app.close()


def test_what_has_time_left_is_answered(shifted: Shifted) -> None:
    for _ in range(5):
        answer = shifted.stack.client.post("/v1/predict", json=a_row())
        assert answer.status_code == 200, answer.text
    assert shifted.state(submit(shifted.stack.client))["status"] == "done"


def test_an_array_that_workers_share_is_answered(shifted: Shifted) -> None:
    answer = shifted.stack.client.post("/v1/predict", json=[a_row()] * 600, params={"timeout": 20})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == 600


@contextmanager
def another_door(shifted: Shifted, folder: Path, task_ttl: float) -> Iterator[Stack]:
    """A front door whose tasks may wait for so many seconds only."""
    environment = {**shifted.stack.environment, "REGNO_TASK_TTL": str(task_ttl)}
    door = Stack(
        environment.pop("REGNO_BROKER_URL"),
        environment.pop("REGNO_REDIS_URL"),
        folder,
        workers=0,
        settings=environment,
        api="tests.shifted_api",
    )
    with ExitStack() as ends:
        ends.callback(door.close)
        yield door


def test_what_nobody_waits_for_any_more_is_not_computed(shifted: Shifted, tmp_path: Path) -> None:
    (worker,) = shifted.stack.workers
    with another_door(shifted, tmp_path, task_ttl=1) as hasty:
        hasty.wait_ready()
        with worker.paused():
            late, early = submit(hasty.client), submit(shifted.stack.client)
            pass_time(1.2)
        assert shifted.state(late)["status"] == "expired"
        assert shifted.state(early)["status"] == "done"


@pytest.mark.parametrize("lane", ["regno.sync", "regno.async"])
@pytest.mark.parametrize(("left", "end"), [(15, b'"SUCCESS"'), (-1, b'"REVOKED"')])
def test_the_deadline_of_a_plain_celery_client_is_kept(
    shifted: Shifted, celery: Celery, lane: str, left: int, end: bytes
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=left)
    queue, task_id = Queue(lane, no_declare=True), str(uuid.uuid4())
    celery.send_task("pick_regno", [[a_row()]], queue=queue, expires=expires, task_id=task_id)
    key = f"celery-task-meta-{task_id}"
    with Redis.from_url(shifted.stack.environment["REGNO_REDIS_URL"]) as redis:
        wait_until(lambda: redis.get(key) is not None, 10, "the task has ended")
        assert end in (redis.get(key) or b"")


def test_the_wait_in_the_queue_is_measured_by_one_clock(shifted: Shifted) -> None:
    (worker,) = shifted.stack.workers

    def waits() -> tuple[float, float]:
        scrape = Scrape(shifted.worker_metrics)
        return scrape.value(f"{QUEUE_WAIT}_count"), scrape.value(f"{QUEUE_WAIT}_sum")

    before = waits()
    with worker.paused():
        task_id = submit(shifted.stack.client)
        pass_time(1)
    shifted.state(task_id)
    wait_until(lambda: waits()[0] == before[0] + 1, 5, "the wait is counted")
    assert 0.9 < waits()[1] - before[1] < 10


def test_a_front_door_is_not_ready_before_it_knows_the_time(
    shifted: Shifted, tmp_path: Path
) -> None:
    with shifted.redis.refusing("time"), another_door(shifted, tmp_path, task_ttl=20) as door:

        def timeless() -> bool:
            answer = door.readiness()
            return answer is not None and answer.json()["checks"]["redis"] == TIMELESS

        wait_until(timeless, 30, "the front door says so")
        assert door.client.post("/v1/tasks", json=a_row()).status_code == 503


def test_a_worker_judges_nothing_before_it_knows_the_time(shifted: Shifted, tmp_path: Path) -> None:
    (worker,) = shifted.stack.workers
    with another_door(shifted, tmp_path, task_ttl=20) as door:
        door.wait_ready()
        worker.kill()
        task_id = submit(door.client)
        with shifted.redis.refusing("time"):
            shifted.stack.workers.remove(worker)
            new = shifted.stack.add_worker()
            wait_until(lambda: "results wait" in new.tail(), 60, "it holds the task")
            assert shifted.state(task_id, wait=0)["status"] == "queued"
        assert shifted.state(task_id)["status"] == "done"
    shifted.stack.wait_ready()
