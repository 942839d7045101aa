"""How the ledger of the fault suite counts: each promise has a way to be broken."""

from typing import Any

import pytest

from tests.faults.fault import Fault
from tests.faults.ledger import Row, back_after, tally
from tests.faults.report import growing, in_all, table
from tests.faults.request import LOST, Kind, Request
from tests.faults.trial import verdict


def answered(at: float = 0.0, **fields: Any) -> Request:
    """A synchronous request that got its right answer after 10 ms."""
    fields = {"ended_at": at + 0.01, "status": 200, "right": True, **fields}
    return Request(Kind.SYNC, 0, at, **fields)


def refused(at: float = 0.0, seconds: float = 0.01, **fields: Any) -> Request:
    fields = {"ended_at": at + seconds, "status": 503, "right": None, **fields}
    return answered(at, **fields)


def done(task_id: str = "a", **fields: Any) -> Request:
    """An accepted task that ended with its right answer."""
    ended = {"status": 202, "task_id": task_id, "end": "done", "right": True, "ended_at": 0.01}
    return Request(Kind.ASYNC, 0, 0.0, **{**ended, **fields})


def test_what_went_well_breaks_no_promise() -> None:
    row = tally("none", [answered(), done(), refused()], None)
    assert not row.broken
    assert (row.sent, row.right, row.refused, row.accepted, row.done) == (3, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("request_", "column"),
    [
        (answered(status=None, ended_at=None, right=None), "lost"),
        (done(end="", right=None), "lost"),
        (done(other_answer=b"another end"), "doubled"),
        (answered(right=False), "wrong"),
        (answered(status=500, right=None), "wrong"),
        (refused(unsaid=True), "wrong"),
        (answered(ended_at=3.1), "late"),
        (done(right=False), "wrong"),
        (refused(seconds=3.1), "late"),
        (refused(status=504, seconds=3.1), "late"),
        (done(status=503, task_id="", end="", ended_at=5.6), "late"),
        (done(slowest_look=2.1), "late"),
        (done(under_way=True), "lost"),
        (done(looks=[200, 404]), "wrong"),
        (done(looks=[500, 500, 200]), "wrong"),
    ],
)
def test_each_broken_promise_is_counted(request_: Request, column: str) -> None:
    row = tally("some", [request_], None)
    assert getattr(row, column) == 1
    assert row.broken


def test_one_task_told_to_two_requests_is_a_double() -> None:
    assert tally("some", [done("a"), done("a")], None).doubled == 1


def test_a_task_that_fails_was_accepted_and_not_done() -> None:
    row = tally("some", [done(end="failed", right=False)], None)
    assert "1 accepted but not done" in row.broken


def test_a_longer_deadline_is_not_late() -> None:
    assert not tally("some", [refused(seconds=20, deadline=25.0)], None).late


def test_all_is_well_from_the_first_of_a_steady_second() -> None:
    before = [refused(at=10 + n / 10) for n in range(5)]
    after = [answered(at=10.5 + n / 10) for n in range(20)]
    assert back_after([*before, *after], 10.0) == pytest.approx(0.4)


def test_what_was_sent_before_the_part_was_back_does_not_count() -> None:
    requests = [refused(at=9.0), *(answered(at=10 + n / 10) for n in range(20))]
    assert back_after(requests, 10.0) == 0.0


def test_without_a_steady_second_it_never_came_back() -> None:
    requests = [answered(at=10 + n / 10) if n % 5 else refused(at=10 + n / 10) for n in range(50)]
    assert back_after(requests, 10.0) is None
    assert "never well again" in tally("some", requests, 10.0).broken


def a_fault(**fields: Any) -> Fault:
    return Fault("some", lambda _: pytest.fail("is not caused"), **fields)


def a_row(**fields: Any) -> Row:
    return tally("some", [answered()], None)._replace(**fields)


@pytest.mark.parametrize(
    ("fault", "row", "kept"),
    [
        (a_fault(), a_row(refused=3), True),
        (a_fault(flawless=True), a_row(refused=3), False),
        (a_fault(), a_row(cut=1), False),
        (a_fault(cuts=True), a_row(cut=1), True),
        (a_fault(), a_row(back_after=5.1), False),
        (a_fault(back_within=6.0), a_row(back_after=5.1), True),
        (a_fault(), a_row(back_after=None), False),
    ],
)
def test_a_fault_has_promises_of_its_own(fault: Fault, row: Row, kept: bool) -> None:
    assert (not verdict(fault, row)) is kept


def test_rounds_of_one_fault_are_one_line() -> None:
    rows = [a_row(back_after=1.0), a_row(back_after=2.0), a_row(fault="other", back_after=None)]
    summed = in_all(rows)
    assert [row.fault for row in summed] == ["some (2 times)", "other (1 times)", "in all"]
    assert [row.sent for row in summed] == [2, 1, 3]
    assert [row.back_after for row in summed] == [2.0, None, None]
    assert "| never |" in table(summed)


def test_a_cut_connection_is_no_refusal_and_not_lost() -> None:
    row = tally("some", [answered(status=LOST, cut=True, right=None)], None)
    assert (row.cut, row.refused, row.lost, row.wrong) == (1, 0, 0, 0)


def test_a_look_may_be_refused_and_a_cut_one_is_counted() -> None:
    row = tally("some", [done(looks=[503, 504, LOST, LOST, 200])], None)
    assert not row.broken
    assert row.cut == 2


AT_REST = {
    "Redis: keys of results": 0.0,
    "Redis: keys of the rest": 4.0,
    "front door: open files": 20.0,
    "worker: open files": 9.0,
}


def under_load(*memory: float) -> list[dict[str, float]]:
    """Two rounds in each fifth."""
    return [{"worker: memory MiB": mib, "Redis: memory MiB": mib} for mib in memory for _ in "12"]


@pytest.mark.parametrize("memory", [(90, 140, 141, 140, 142), (140, 150, 151, 152, 153)])
def test_what_warms_up_or_wavers_does_not_grow(memory: tuple[float, ...]) -> None:
    assert growing(under_load(*memory), AT_REST, AT_REST) == []


def test_what_rises_from_each_fifth_to_the_next_grows() -> None:
    found = growing(under_load(140, 141, 145, 149, 153), AT_REST, AT_REST)
    assert found == ["worker: memory MiB grows: 141.0 to 153.0"]


@pytest.mark.parametrize(("what", "most"), [(0, 0), (1, 10), (2, 100), (3, 100)])
def test_what_stays_at_rest_is_told(what: int, most: int) -> None:
    name = list(AT_REST)[what]
    rounds = under_load(1, 1, 1, 1, 1)
    assert growing(rounds, AT_REST, AT_REST | {name: AT_REST[name] + most}) == []
    (told,) = growing(rounds, AT_REST, AT_REST | {name: AT_REST[name] + most + 1})
    assert told.startswith(f"{name} stay")
