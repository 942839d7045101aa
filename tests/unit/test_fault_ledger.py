"""How the ledger of the fault suite counts: each promise has a way to be broken."""

import time
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
import requests

from tests.faults.door import Door as SiteDoor
from tests.faults.fault import Fault
from tests.faults.ledger import Row, back_after, tally
from tests.faults.report import growing, in_all, table
from tests.faults.request import LOST, Kind, Request
from tests.faults.settle import settle
from tests.faults.trial import verdict
from tests.faults.work import Work


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


class Door:
    """A front door that answers ``POST`` with a task, and each ``GET`` as it is told to."""

    def __init__(self, *looks: tuple[int, bytes] | None) -> None:
        """None stands for a connection that is cut."""
        self._looks = iter(looks)
        self.keys: list[str] = []

    def __call__(self, _url: str) -> "Door":
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """As a session does."""

    def post(self, _path: str, *, headers: dict[str, str], **_: Any) -> requests.Response:
        self.keys.append(headers["Idempotency-Key"])
        return answer(202, b'{"task_id": "a"}')

    def get(self, _path: str, **_: Any) -> requests.Response:
        look = next(self._looks)
        if look is None:
            raise requests.ConnectionError
        return answer(*look)


def answer(status: int, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.raw = status, BytesIO(body)
    return response


DONE = 200, b'{"status":"done","predictions":[1]}'
FAILED = 200, b'{"status":"failed"}'
QUEUED = 200, b'{"status":"queued"}'


def settled(monkeypatch: pytest.MonkeyPatch, door: Door, task: Request) -> Row:
    monkeypatch.setattr("tests.faults.settle.Client", door)
    site_door = SimpleNamespace(name="api", url="http://regno", ready=True)
    settle([cast("SiteDoor", site_door)], [task], Work([b"{}"], [b"[1]"]))
    return tally("some", [task], None)


def test_a_task_that_was_cut_off_and_sent_again_is_counted_as_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Request(Kind.ASYNC, 0, time.monotonic(), key="its key")
    door = Door(DONE, DONE)
    task.note_answer(LOST, b"")
    row = settled(monkeypatch, door, task)
    assert door.keys == ["its key"]
    assert (row.cut, row.accepted, row.done) == (1, 1, 1)
    assert not row.broken
    assert verdict(a_fault(), row)


@pytest.mark.parametrize(
    ("looks", "column"),
    [
        ([(404, b"{}"), DONE, DONE], "wrong"),
        ([DONE, (404, b"{}")], "wrong"),
        ([DONE, FAILED], "doubled"),
        ([DONE, QUEUED], "doubled"),
    ],
)
def test_what_each_look_was_told_counts(
    monkeypatch: pytest.MonkeyPatch, looks: list[tuple[int, bytes] | None], column: str
) -> None:
    row = settled(monkeypatch, Door(*looks), done(end="", right=None))
    assert getattr(row, column) == 1
    assert row.done == 1


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
