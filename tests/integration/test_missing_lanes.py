"""The lanes fail apart: one whose queue cannot be had leaves the other alone, and comes back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.transport.base import StdChannel

from shared.celery_app import make_celery
from shared.queues import Lane
from shared.settings import WorkerSettings
from tests.builders import a_row
from tests.processes import wait_until
from tests.servers import Servers
from tests.stack import Stack
from worker.lane_consumer import ASYNC_WINDOW

T = TypeVar("T")

LANES = pytest.mark.parametrize("lane", Lane, ids=lambda lane: lane.name.lower())

WITHIN = 10
"""Seconds, on a busy machine, for what takes about one."""

WINDOWS = {
    Lane.SYNC.value: WorkerSettings(broker_url="none", redis_url="none").prefetch,
    Lane.ASYNC.value: ASYNC_WINDOW,
}


class Site:
    """A stack on a virtual host of its own."""

    def __init__(self, servers: Servers, name: str, folder: Path, database: int = 9) -> None:
        self._rabbit = servers.rabbit
        self._name = name
        self._folder = folder
        self._redis_url = servers.redis.url.removesuffix("/0") + f"/{database}"
        self.url = servers.rabbit.add_vhost(name)
        self.stack: Stack

    @contextmanager
    def started(self) -> Iterator[Stack]:
        self.stack = Stack(self.url, self._redis_url, self._folder, settings={"API_PROCESSES": "1"})
        try:
            yield self.stack
        finally:
            self.stack.close()

    def on_channel(self, call: Callable[[StdChannel], T]) -> T:
        with Connection(self.url) as connection:
            return call(connection.channel())

    def delete(self, lane: Lane) -> None:
        self.on_channel(lambda channel: channel.queue_delete(lane.value))  # type: ignore[attr-defined]

    def windows(self) -> dict[str, int]:
        """The queues that are consumed, each with how much is sent ahead."""
        columns = ("queue_name", "prefetch_count")
        listed = self._rabbit.ctl("list_consumers", "-p", self._name, *columns).split()
        found = dict(zip(listed[::2], listed[1::2], strict=True))
        return {name: int(found[name]) for name in WINDOWS if name in found}

    def channels(self) -> int:
        """How many there are that a lane could be consumed on."""
        listed = self._rabbit.ctl("list_channels", "vhost", "prefetch_count").splitlines()
        of_lanes = [[self._name, str(window)] for window in WINDOWS.values()]
        return sum(line.split() in of_lanes for line in listed)

    def lose_connections(self) -> None:
        """Closes them all, as if RabbitMQ had been restarted."""
        self._rabbit.ctl("close_all_connections", "--vhost", self._name, "a test")

    def works(self, lane: Lane) -> bool:
        """Whether a request of this lane is answered; where it is not, it is refused in form."""
        client = self.stack.client
        path = "/v1/predict" if lane is Lane.SYNC else "/v1/tasks"
        answer = client.post(path, json=a_row())
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.elapsed.total_seconds() < 3
            return False
        if lane is Lane.SYNC:
            return answer.status_code == 200
        told = client.get(answer.headers["Location"], params={"wait": WITHIN}).json()
        return bool(told["status"] == "done")

    def readiness(self) -> tuple[int, str, dict[str, str]]:
        """Status code and word, and what is said of each part that is not fine."""
        answer = self.stack.readiness()
        if answer is None:
            return 0, "", {}
        body: Any = answer.json()
        bad = {part: said for part, said in body["checks"].items() if said != "ok"}
        return answer.status_code, body["status"], bad

    def wait_for(self, status: str, bad: set[str]) -> None:
        wait_until(
            lambda: (self.readiness()[1], set(self.readiness()[2])) == (status, bad),
            30,
            f"{status}: {bad}",
        )


@pytest.fixture(scope="module")
def live(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(servers, "lanes", tmp_path_factory.mktemp("lanes"), database=8)
    with site.started() as stack:
        stack.wait_ready()
        yield site


@LANES
def test_a_queue_that_is_deleted_under_the_service_is_there_again_within_seconds(
    live: Site, lane: Lane
) -> None:
    live.delete(lane)
    wait_until(lambda: live.works(lane), WITHIN, f"{lane} works again")
    wait_until(lambda: live.windows() == WINDOWS, WITHIN, "each lane has its window")
    (worker,) = live.stack.workers
    assert f"does not consume {lane}: the queue was deleted" in worker.tail()
    assert "Connection to broker lost" not in worker.tail()


@LANES
def test_an_operator_may_have_a_worker_leave_a_lane_alone_and_take_it_up_again(
    live: Site, lane: Lane
) -> None:
    (other,) = set(Lane) - {lane}
    settings = WorkerSettings(
        broker_url=live.url, redis_url=live.stack.environment["REGNO_REDIS_URL"]
    )
    with make_celery(settings) as app:
        wait_until(lambda: live.windows() == WINDOWS, WITHIN, "each lane has its window")
        channels = live.channels()
        (answer,) = app.control.cancel_consumer(lane.value, reply=True, timeout=WITHIN, limit=1)
        assert "ok" in next(iter(answer.values()))
        assert live.windows() == {other.value: WINDOWS[other.value]}
        assert live.works(other)
        (answer,) = app.control.add_consumer(lane.value, reply=True, timeout=WITHIN, limit=1)
        assert "ok" in next(iter(answer.values()))
        wait_until(lambda: live.windows() == WINDOWS, WITHIN, "each lane has its window again")
        assert live.works(lane)
        wait_until(lambda: live.channels() == channels, WITHIN, "no channel more than before")


def test_a_queue_that_is_no_lane_is_not_consumed_and_not_asked_for_later(live: Site) -> None:
    (worker,) = live.stack.workers
    settings = WorkerSettings(
        broker_url=live.url, redis_url=live.stack.environment["REGNO_REDIS_URL"]
    )
    with make_celery(settings) as app:
        app.control.add_consumer("regno.sinc", reply=True, timeout=WITHIN, limit=1)
    wait_until(lambda: "does not consume regno.sinc" in worker.tail(), WITHIN, "it is told")
    live.lose_connections()
    wait_until(lambda: all(map(live.works, Lane)), 30, "both lanes work again")
    wait_until(lambda: live.windows() == WINDOWS, WITHIN, "each lane has its window again")
    assert worker.running()


def otherwise(site: Site, lanes: Sequence[Lane]) -> None:
    """The queues of these lanes exist already, as another version has declared them."""
    for lane in lanes:
        site.on_channel(lambda channel, lane=lane: Queue(lane.value)(channel).declare())  # type: ignore[misc]


@LANES
def test_a_lane_whose_queue_was_declared_otherwise_is_missing_and_the_other_one_works(
    servers: Servers, lane: Lane, tmp_path: Path
) -> None:
    (other,) = set(Lane) - {lane}
    site = Site(servers, f"otherwise-{lane.name}", tmp_path)
    otherwise(site, [lane])
    with site.started() as stack:
        site.wait_for("degraded", {"broker"})
        status, _, bad = site.readiness()
        assert status == 200
        assert "PRECONDITION_FAILED" in bad["broker"]
        assert lane.value in bad["broker"]
        assert site.works(other)
        assert not site.works(lane)
        assert site.windows() == {other.value: WINDOWS[other.value]}
        (worker,) = stack.workers
        for process, words in ((worker, "does not consume"), (stack.api, "cannot publish")):
            log = process.tail(100_000)
            said = [line for line in log.splitlines() if words in line]
            assert len(said) == 1, log
            assert f"'{lane}'" in said[0]
            assert "PRECONDITION_FAILED - inequivalent arg" in said[0]
        site.delete(lane)
        site.wait_for("ready", set())
        wait_until(lambda: site.works(lane), WITHIN, f"{lane} works")
        assert site.windows() == WINDOWS
        assert worker.running()


def test_without_any_lane_the_service_is_not_ready_and_the_worker_goes_on_trying(
    servers: Servers, tmp_path: Path
) -> None:
    site = Site(servers, "otherwise-both", tmp_path)
    otherwise(site, list(Lane))
    with site.started() as stack:
        site.wait_for("not ready", {"broker", "workers"})
        (worker,) = stack.workers
        wait_until(lambda: worker.tail().count("does not consume") == 2, 60, "it has tried")
        assert site.readiness()[0] == 503
        assert "workers" in site.readiness()[2]
        for lane in Lane:
            assert lane.value in site.readiness()[2]["broker"]
            assert not site.works(lane)
            site.delete(lane)
        stack.wait_ready()
        assert worker.running()
        assert all(map(site.works, Lane))
