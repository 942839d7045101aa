"""Which tasks a monitor hears of, and what."""

import os
from collections.abc import Sequence
from contextlib import suppress
from types import SimpleNamespace

import pytest

from shared.queues import TASK_NAME, Lane
from tests.unit.fakes import FakeClock, FakeEventDispatcher, a_job
from worker.ends import BEFORE, CANCELLED, EXPIRED, SUCCEEDED, End
from worker.store import Outcome
from worker.task_events import TASKS_PER_SECOND, Ration, TaskEvents

FAILED = End("failed", "PredictionFailed")
NOW = 1_700_000_000.0


def outcomes(end: End, count: int = 1) -> list[Outcome]:
    return [Outcome(a_job(f"task-{n}", 0, 1, lane=Lane.ASYNC), b"{}", end) for n in range(count)]


class Case:
    """The events of a worker that a monitor has asked for."""

    def __init__(self, *groups: str) -> None:
        self.clock = FakeClock()
        self.dispatcher = FakeEventDispatcher(*groups)
        self.events = TaskEvents(lambda: self.dispatcher, self.clock, lambda: NOW)

    def ended(self, of: Sequence[Outcome]) -> list[str]:
        self.events.ended(of, 0.25)
        return self.dispatcher.kinds


@pytest.fixture
def case() -> Case:
    return Case("worker", "task")


def test_until_a_monitor_asks_nothing_is_sent() -> None:
    assert Case("worker").ended(outcomes(SUCCEEDED)) == []


def test_without_a_connection_nothing_is_sent() -> None:
    TaskEvents(lambda: None, FakeClock()).ended(outcomes(SUCCEEDED), 0.25)


def test_a_task_that_went_well_is_told_from_first_to_last(case: Case) -> None:
    case.ended(outcomes(SUCCEEDED))
    (received, first), (started, second), (succeeded, last) = case.dispatcher.sent
    assert [received, started, succeeded] == ["task-received", "task-started", "task-succeeded"]
    assert first["uuid"] == second["uuid"] == last["uuid"] == "task-0"
    assert (first["name"], first["routing_key"]) == (TASK_NAME, "regno.async")
    assert first["args"] == "(2 rows)"
    assert first["timestamp"] == second["timestamp"] == NOW - 0.25
    assert (last["timestamp"], last["runtime"]) == (NOW, 0.25)
    assert last["result"] == "2 predictions"


@pytest.mark.parametrize(
    ("end", "kind", "told"),
    [
        (FAILED, "failed", {"exception": "PredictionFailed"}),
        (EXPIRED, "revoked", {"expired": True}),
        (CANCELLED, "revoked", {"expired": False}),
    ],
)
def test_how_a_task_ended_is_told(case: Case, end: End, kind: str, told: dict[str, object]) -> None:
    case.ended(outcomes(end))
    last, fields = case.dispatcher.sent[-1]
    assert last == f"task-{kind}"
    assert told.items() <= fields.items()


def test_a_task_that_ended_before_is_not_told_again(case: Case) -> None:
    assert case.ended(outcomes(BEFORE)) == []


def test_so_many_a_second_are_told_and_no_more(case: Case) -> None:
    for _ in range(3):
        case.ended(outcomes(SUCCEEDED, 4))
    assert case.dispatcher.kinds.count("task-succeeded") == TASKS_PER_SECOND
    case.clock.advance(1.0)
    case.ended(outcomes(SUCCEEDED, 4))
    assert case.dispatcher.kinds.count("task-succeeded") == TASKS_PER_SECOND + 4


def test_failures_are_told_however_much_goes_well(case: Case) -> None:
    case.ended([*outcomes(SUCCEEDED, 100), *outcomes(FAILED, 100)])
    assert case.dispatcher.kinds.count("task-failed") == TASKS_PER_SECOND


def test_where_the_connection_is_lost_nothing_is_sent(case: Case) -> None:
    case.dispatcher.connection = SimpleNamespace(connected=False)
    assert case.ended(outcomes(SUCCEEDED)) == []


def test_a_broker_that_reads_nothing_is_not_waited_for(case: Case) -> None:
    reading, writing = os.pipe()  # what tells whether there is room is the same as for a socket
    case.dispatcher.connection = SimpleNamespace(
        connected=True, connection=SimpleNamespace(sock=writing)
    )
    try:
        assert case.ended(outcomes(SUCCEEDED))
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while os.write(writing, b"x" * 4096):
                pass
        case.clock.advance(1.0)
        case.dispatcher.sent.clear()
        assert case.ended(outcomes(SUCCEEDED)) == []
    finally:
        os.close(reading)
        os.close(writing)


def test_a_ration_is_per_second() -> None:
    ration = Ration(2)
    assert [ration.take(now) for now in (0.0, 0.1, 0.2, 0.9, 1.0, 1.1, 1.2)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip
