"""How the ledger of the fault suite counts: each promise has a way to be broken."""

from typing import Any

import pytest

from tests.faults.fault import Fault
from tests.faults.ledger import Row, back_after, tally
from tests.faults.report import in_all, table
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
        (done(right=False), "wrong"),
        (refused(seconds=3.1), "late"),
        (refused(status=504, seconds=3.1), "late"),
        (done(status=503, task_id="", end="", ended_at=5.6), "late"),
        (done(slowest_look=2.1), "late"),
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
    row = tally("some", [answered(status=LOST, right=None)], None)
    assert (row.cut, row.refused, row.lost, row.wrong) == (1, 0, 0, 0)
