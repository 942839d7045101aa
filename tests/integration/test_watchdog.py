"""A worker that is up but does not work ends by itself; one that only waits does not."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from amqp.basic_message import Message
from kombu.connection import Connection

from ops.local import programs
from ops.local.programs import LOOPBACK
from ops.local.supervise import Supervisor
from shared.queues import Lane, declare_queues
from tests.builders import a_row
from tests.processes import Process, wait_until
from tests.servers import Servers
from tests.stack import Stack
from tests.stuck_worker import FOLDER, HANG, HANGING, LOSE, PATIENCE, REFUSED
from worker.lanes_seen import LaneSeen, look_at_lanes
from worker.watchdog import STUCK_STATUS

FOUND_SECONDS = 30
"""More than ``PATIENCE``, a look at RabbitMQ and a loaded machine take."""

LONG = PATIENCE.still + 3 * PATIENCE.quiet
"""Seconds after which what is stuck would have been found."""


class Case:
    """A stack with servers of its own, whose worker can be got stuck."""

    def __init__(self, folder: Path) -> None:
        self.servers = Servers(folder)
        self.folder = folder
        self.stack = Stack(
            self.servers.rabbit.url,
            self.servers.redis.url,
            folder,
            settings={FOLDER: str(folder), "REGNO_REDIS_TIMEOUT": "0.3"},
            worker="tests.stuck_worker",
        )
        self.stack.wait_ready()

    def close(self) -> None:
        try:
            self.stack.close()  # fails where a worker hangs and does not stop
        finally:
            self.servers.close()

    @property
    def worker(self) -> Process:
        (worker,) = self.stack.workers
        return worker

    def submit(self, **fields: Any) -> str:
        answer = self.stack.client.post("/v1/tasks", json=a_row(**fields))
        assert answer.status_code == 202, answer.text
        return str(answer.headers["Location"])

    def consumers(self) -> int:
        """How many consumers both lanes have."""
        with Connection(self.servers.rabbit.url) as connection:
            channel = connection.channel()
            return sum(channel.queue_declare(lane, passive=True).consumer_count for lane in Lane)

    def answers(self) -> bool:
        """Whether both lanes are served."""
        sync = self.stack.client.post("/v1/predict", json=a_row())
        lasting = self.stack.client.post("/v1/tasks", json=a_row())
        if (sync.status_code, lasting.status_code) != (200, 202):
            return False
        url = lasting.headers["Location"]
        return bool(self.stack.client.get(url, params={"wait": 2}).json()["status"] == "done")

    def wait_served(self) -> None:
        """Returns when both lanes are; a machine that stalls for longer than the front door waits
        for Redis here makes it refuse for a moment."""
        self.stack.wait_ready(60)
        try:
            wait_until(self.answers, 30, "both lanes are served")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.stack.story()}") from None


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("watchdog"))
    yield case
    case.close()


@pytest.fixture(autouse=True)
def works_before_and_after(case: Case) -> Iterator[None]:
    case.wait_served()
    yield
    if not case.worker.running():
        case.stack.replace_worker(case.worker)
    case.wait_served()


def test_a_worker_that_hangs_ends_and_its_task_is_done_by_the_next(case: Case) -> None:
    (case.folder / HANG).touch()
    task = case.submit(afts_regno_ai=HANGING)
    assert case.worker.wait(FOUND_SECONDS) == STUCK_STATUS
    said = case.worker.tail(20_000)
    assert "The event loop does not turn" in said
    assert "threading.Event().wait()" in said  # here it hung
    case.stack.replace_worker(case.worker)
    assert case.stack.client.get(task, params={"wait": 30}).json()["status"] == "done"


def test_a_worker_that_lost_its_consumers_ends_once_a_message_waits(case: Case) -> None:
    (case.folder / LOSE).touch()
    wait_until(lambda: case.consumers() == 0, 10, "nobody consumes")
    task = case.submit()
    assert case.worker.wait(FOUND_SECONDS) == STUCK_STATUS
    assert "Nothing comes from regno.async" in case.worker.tail(20_000)
    case.stack.replace_worker(case.worker)
    assert case.stack.client.get(task, params={"wait": 30}).json()["status"] == "done"


def test_a_worker_that_lost_the_consumer_of_a_classic_queue_ends_too(case: Case) -> None:
    (case.folder / LOSE).touch()
    wait_until(lambda: case.consumers() == 0, 10, "nobody consumes")
    with ThreadPoolExecutor(1) as pool:
        row, params = a_row(), {"timeout": 30}
        waiting = pool.submit(case.stack.client.post, "/v1/predict", json=row, params=params)
        assert case.worker.wait(FOUND_SECONDS) == STUCK_STATUS
        assert "Nothing comes from regno.sync" in case.worker.tail(20_000)
        case.stack.replace_worker(case.worker)
        assert waiting.result().status_code == 200


def test_a_lane_counts_as_unserved_by_what_waits_there_and_not_by_who_consumes_it(
    case: Case,
) -> None:
    url = case.servers.rabbit.add_vhost("seen")
    gone = look_at_lanes(url, timeout=5)
    with Connection(url) as connection:
        channel = connection.channel()
        declare_queues(channel)
        nobody = look_at_lanes(url, timeout=5)
        for lane in Lane:
            channel.basic_publish_confirm(Message("waits"), "", lane.value)
        wait_until(lambda: unserved(look_at_lanes(url, timeout=5)) == [True, True], 10, "it waits")
    assert unserved(gone) == [True, True]
    assert unserved(nobody) == [False, False]


def unserved(seen: Mapping[Lane, LaneSeen] | None) -> list[bool]:
    """Of each lane."""
    assert seen is not None
    return [seen[lane].unserved for lane in Lane]


def test_what_came_on_channels_that_rabbitmq_closed_is_done_once_redis_is_back(case: Case) -> None:
    waited = case.worker.tail(100_000).count("results wait")
    with ExitStack() as pauses:
        pauses.enter_context(case.worker.paused())
        tasks = [case.submit() for _ in range(5)]
        pauses.enter_context(case.servers.redis.process.paused())
        case.worker.resume()
        wait_until(
            lambda: case.worker.tail(100_000).count("results wait") > waited, 20, "it has them"
        )
        (case.folder / REFUSED).touch()
        wait_until(
            lambda: "unknown delivery tag" in case.worker.tail(20_000), 20, "they are closed"
        )
    for task in tasks:
        assert case.stack.client.get(task, params={"wait": 30}).json()["status"] == "done"
    assert "Couldn't ack" not in case.worker.tail(100_000)
    assert case.worker.running()


def test_a_worker_of_another_broker_is_not_watched(case: Case, tmp_path: Path) -> None:
    embedded = case.servers.redis.url.removesuffix("/0")
    settings = {FOLDER: str(tmp_path)}
    stack = Stack(
        f"{embedded}/1", f"{embedded}/2", tmp_path, settings=settings, worker="tests.stuck_worker"
    )
    with closing(stack):
        stack.wait_ready()
        (worker,) = stack.workers
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(LONG)
        assert "asking RabbitMQ" not in worker.tail(100_000)


def test_make_run_starts_a_stuck_worker_anew(case: Case) -> None:
    case.worker.stop()
    program = programs.worker({**case.stack.environment, FOLDER: str(case.folder)}, 1)
    program = program._replace(command=(*program.command[:-1], "tests.stuck_worker"))
    supervisor = Supervisor([program], case.folder / "supervisor", os.environ)
    with ExitStack() as ends:
        ends.callback(supervisor.stop)
        supervisor.launch()
        supervisor.start(program)
        case.stack.wait_ready(60)
        (first,) = supervisor.pids(program)
        (case.folder / HANG).touch()
        task = case.submit(afts_regno_ai=HANGING)
        answer = case.stack.client.get(task, params={"wait": 30}).json()
        assert answer["status"] == "done"
        assert supervisor.pids(program) != [first]


@pytest.mark.parametrize("queue", ["regno.sync", "regno.async"])
def test_a_queue_that_an_operator_deletes_is_there_and_consumed_again_within_seconds(
    case: Case, queue: str
) -> None:
    """While requests come, so that the front door sees at once that the queue has gone."""
    deleted = threading.Event()

    def keep_asking() -> None:
        while not deleted.is_set():
            case.stack.client.post("/v1/tasks", json=a_row())
            case.stack.client.post("/v1/predict", json=a_row(), params={"timeout": 0.5})

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(keep_asking)
        try:
            case.servers.rabbit.ctl("delete_queue", queue)
        finally:
            deleted.set()
        asking.result()
    began = time.monotonic()
    wait_until(case.answers, 15, "both lanes are served again")
    assert time.monotonic() - began < 15
    assert case.worker.running()


def test_a_lane_that_cannot_be_had_ends_no_worker(case: Case) -> None:
    queue = Lane.SYNC.value
    with Connection(case.servers.rabbit.url) as connection:
        channel = connection.channel()
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, auto_delete=False)  # not as the service wants it
        wait_until(lambda: "PRECONDITION_FAILED" in case.worker.tail(20_000), 15, "it is refused")
        with pytest.raises(subprocess.TimeoutExpired):
            case.worker.wait(LONG)
        channel.queue_delete(queue)


@contextmanager
def stopped_rabbitmq(case: Case) -> Iterator[None]:
    case.servers.rabbit.process.stop()
    try:
        yield
    finally:
        case.servers.rabbit.start()
        case.servers.rabbit.wait_ready()


@contextmanager
def rabbitmq_that_only_accepts_connections(case: Case) -> Iterator[None]:
    with stopped_rabbitmq(case), socket.create_server((LOOPBACK, case.servers.rabbit.port)):
        yield


@contextmanager
def stopped_redis(case: Case) -> Iterator[None]:
    case.submit()
    case.servers.redis.process.stop()
    try:
        yield
    finally:
        case.servers.redis.start()
        case.servers.redis.wait_ready()


@contextmanager
def mute_redis_with_tasks_in_hand(case: Case) -> Iterator[None]:
    with ExitStack() as pauses:
        pauses.enter_context(case.worker.paused())
        for _ in range(50):  # more than the window of the lane
            case.submit()
        pauses.enter_context(case.servers.redis.process.paused())
        case.worker.resume()
        yield


@contextmanager
def memory_alarm(case: Case) -> Iterator[None]:
    case.servers.rabbit.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        yield
    finally:
        case.servers.rabbit.ctl("set_vm_memory_high_watermark", "0.4")


TROUBLES: dict[str, Callable[[Case], AbstractContextManager[None]]] = {
    "RabbitMQ is down": stopped_rabbitmq,
    "RabbitMQ does not speak to who connects": rabbitmq_that_only_accepts_connections,
    "RabbitMQ is mute": lambda case: case.servers.rabbit.process.paused(),
    "RabbitMQ is short of memory": memory_alarm,
    "Redis is down": stopped_redis,
    "Redis is mute": mute_redis_with_tasks_in_hand,
    "its process was stopped": lambda case: case.worker.paused(),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_a_worker_that_only_waits_goes_on(
    case: Case, trouble: Callable[[Case], AbstractContextManager[None]]
) -> None:
    worker = case.worker
    with trouble(case):
        began = time.monotonic()
        wait_until(
            lambda: time.monotonic() > began + LONG or not worker.running(), LONG + 5, "it lasts"
        )
    wait_until(case.answers, 20, "both lanes are served again")
    assert worker.running(), worker.tail()


def test_a_worker_with_nothing_to_do_goes_on(case: Case) -> None:
    began = time.monotonic()
    wait_until(
        lambda: time.monotonic() > began + LONG or not case.worker.running(), LONG + 5, "it lasts"
    )
    assert case.worker.running(), case.worker.tail()
