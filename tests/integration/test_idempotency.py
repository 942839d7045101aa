"""An idempotency key means one task, whatever happens to the requests that bring it."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from api.dispatch.task_store import IDEMPOTENCY_TTL_MS, IdempotencyRecord, TaskStore
from ops.local.programs import LOOPBACK, free_port, serving_metrics
from shared.results import result_key
from tests.builders import a_row
from tests.dying_api import AFTER_PUBLISHING, BEFORE_PUBLISHING, FOLDER
from tests.processes import wait_until
from tests.scrape import Scrape, settled
from tests.servers import RedisServer, Servers
from tests.stack import Client, Stack

LEASE = 6
"""Seconds, by the settings of ``Case``: five times what a request may take."""
DAY = 24 * 3600


class Case:
    """Two front doors and a worker; the first one can be killed at the wrong moment."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.redis = RedisServer(folder)
        self.redis.wait_ready()
        self.folder = folder
        metrics_port = free_port()
        self.metrics_url = f"http://{LOOPBACK}:{metrics_port}/metrics"
        urls = servers.rabbit.add_vhost("idempotency"), self.redis.url
        self.stack = Stack(
            *urls,
            folder,
            settings={
                FOLDER: str(folder),
                "API_PROCESSES": "2",
                "REGNO_PUBLISH_TIMEOUT": "0.2",
                "REGNO_REDIS_TIMEOUT": "0.3",
                **serving_metrics(metrics_port),
            },
            api="tests.dying_api",
        )
        self.other = Stack(*urls, folder / "other", workers=0)

    def close(self) -> None:
        self.stack.close()
        self.other.close()
        self.redis.process.stop()

    def executions(self) -> float:
        """Rows that were predicted so far, once no more are reported."""
        return settled(lambda: Scrape(self.metrics_url).value("regno_batch_rows_sum"))


@pytest.fixture(scope="module")
def case(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(servers, tmp_path_factory.mktemp("idempotency"))
    with ExitStack() as ends:
        ends.callback(case.close)
        case.stack.wait_ready()
        case.other.wait_ready()
        yield case


@pytest.fixture
def redis(case: Case) -> Iterator[Redis]:
    with Redis.from_url(case.redis.url) as redis:
        yield redis


def post(client: Client, key: str, **fields: Any) -> requests.Response:
    return client.post("/v1/tasks", json=a_row(**fields), headers={"Idempotency-Key": key})


def accepted(answer: requests.Response) -> str:
    assert answer.status_code == 202, answer.text
    return str(answer.json()["task_id"])


def test_fifty_at_once_over_two_front_doors_are_one_task_that_is_done_once(case: Case) -> None:
    before = case.executions()

    def submit(url: str) -> str:
        with Client(url) as client:
            return accepted(post(client, "fifty"))

    with ThreadPoolExecutor(50) as pool:
        (task_id,) = set(pool.map(submit, [case.stack.url, case.other.url] * 25))
    url = f"/v1/tasks/{task_id}"
    assert case.other.client.get(url, params={"wait": 20}).json()["status"] == "done"
    assert case.executions() == before + 1


def test_a_task_that_was_published_twice_is_done_once(case: Case, redis: Redis) -> None:
    before, known = case.executions(), set(redis.scan_iter("regno:idempotency:*"))
    (worker,) = case.stack.workers
    with worker.paused():
        first = accepted(post(case.other.client, "twice"))
        (key,) = set(redis.scan_iter("regno:idempotency:*")) - known
        redis.delete(key)  # as where the first was refused because RabbitMQ confirmed it too late
        assert accepted(post(case.other.client, "twice")) == first
    url = f"/v1/tasks/{first}"
    assert case.other.client.get(url, params={"wait": 20}).json()["status"] == "done"
    assert case.executions() == before + 1


def test_a_key_is_kept_for_a_day(case: Case, redis: Redis) -> None:
    known = set(redis.scan_iter("regno:idempotency:*"))
    accepted(post(case.other.client, "kept"))
    (key,) = set(redis.scan_iter("regno:idempotency:*")) - known
    assert DAY - 60 < redis.pttl(key) / 1000 <= DAY


@pytest.mark.parametrize("moment", [BEFORE_PUBLISHING, AFTER_PUBLISHING])
def test_a_front_door_that_is_killed_leaves_the_key_to_the_same_task(
    case: Case, redis: Redis, moment: str
) -> None:
    before, known = case.executions(), set(redis.scan_iter("celery-task-meta-*"))
    order = case.folder / moment
    order.touch()
    with pytest.raises(requests.ConnectionError):
        post(case.stack.client, moment)
    assert not order.exists()
    (begun,) = set(redis.scan_iter("celery-task-meta-*")) - known
    held = post(case.other.client, moment)
    assert held.status_code == 409
    assert "still being accepted" in held.json()["detail"]
    other_body = post(case.other.client, moment, direction=1)
    assert other_body.status_code == 422
    answers: list[requests.Response] = []

    def usable() -> bool:
        answers.append(post(case.other.client, moment))
        return answers[-1].status_code != 409

    wait_until(usable, LEASE + 10, "the lease has ended")
    task_id = accepted(answers[-1])
    assert result_key(task_id).encode() == begun
    url = f"/v1/tasks/{task_id}"
    assert case.other.client.get(url, params={"wait": 20}).json()["status"] == "done"
    assert case.executions() == before + 1


class Requests:
    """Two requests with one idempotency key; the lease of the first has run out."""

    def __init__(self, redis: Redis, *, other_body: bool = False) -> None:
        self.redis = redis
        self.store = TaskStore(redis, 60, 60)
        self.key = f"regno:idempotency:{uuid.uuid4()}"
        self.task_id = str(uuid.uuid4())
        self.first = IdempotencyRecord("print", self.task_id, accepted=False, holder="first")
        self.second = IdempotencyRecord(
            "other" if other_body else "print", self.task_id, accepted=False, holder="second"
        )
        assert self.store.reserve(self.key, self.first, 60) is None
        assert self.store.mark_pending(self.task_id)

    def lease_ends(self) -> None:
        self.redis.delete(self.key)

    def begin_second(self) -> None:
        self.lease_ends()
        assert self.store.reserve(self.key, self.second, 60) is None
        assert not self.store.mark_pending(self.task_id)

    def holder(self) -> IdempotencyRecord | None:
        """Whoever has the key: found by asking for it."""
        asking = IdempotencyRecord("print", self.task_id, accepted=False, holder="asking")
        return self.store.reserve(self.key, asking, 60)

    def known(self) -> bool:
        return self.store.read([self.task_id]) != [None]


def test_a_request_that_reserved_its_key_unheard_holds_it(redis: Redis) -> None:
    alone = Requests(redis)
    assert alone.store.reserve(alone.key, alone.first, 60) is None
    assert alone.holder() == alone.first


def test_a_request_that_fails_late_leaves_its_successor_the_key_and_the_task(redis: Redis) -> None:
    both = Requests(redis)
    both.begin_second()
    both.store.release(both.key, both.first, forget=True)
    assert both.holder() == both.second
    assert both.known()


def test_a_request_that_fails_after_its_successor_was_accepted_changes_nothing(
    redis: Redis,
) -> None:
    both = Requests(redis)
    both.begin_second()
    both.store.confirm(both.key, both.second)
    both.store.release(both.key, both.first, forget=True)
    holder = both.holder()
    assert holder is not None
    assert (holder.holder, holder.accepted) == ("second", True)
    assert both.known()
    assert both.redis.pttl(both.key) > IDEMPOTENCY_TTL_MS - 60_000


def test_a_request_that_is_accepted_late_does_not_take_the_key_from_another_body(
    redis: Redis,
) -> None:
    both = Requests(redis, other_body=True)
    both.begin_second()
    both.store.confirm(both.key, both.first)
    assert both.holder() == both.second


def test_a_request_that_is_accepted_late_keeps_a_key_that_nobody_holds(redis: Redis) -> None:
    alone = Requests(redis)
    alone.lease_ends()
    alone.store.confirm(alone.key, alone.first)
    holder = alone.holder()
    assert holder is not None
    assert holder.accepted


@pytest.mark.parametrize("late", [False, True])
def test_a_request_that_fails_gives_its_key_back_and_its_task_is_not_known(
    redis: Redis, late: bool
) -> None:
    alone = Requests(redis)
    if late:
        alone.lease_ends()
    alone.store.release(alone.key, alone.first, forget=True)
    assert not alone.known()
    assert alone.holder() is None


def test_a_task_that_was_known_before_stays_known_when_it_cannot_be_published_again(
    redis: Redis,
) -> None:
    alone = Requests(redis)
    alone.store.release(alone.key, alone.first, forget=False)
    assert alone.known()
