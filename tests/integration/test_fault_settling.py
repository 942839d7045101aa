"""How it is found out what became of the tasks of a fault, from a front door that says anything."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from tests.faults.door import Door as SiteDoor
from tests.faults.fault import Fault
from tests.faults.ledger import Row, tally
from tests.faults.request import LOST, Kind, Request
from tests.faults.settle import settle
from tests.faults.trial import verdict
from tests.faults.work import Work


class Door(ThreadingHTTPServer):
    """A front door that answers ``POST`` with a task, and each ``GET`` as it is told to."""

    name = "api"
    ready = True

    def __init__(self, *looks: tuple[int, bytes] | None) -> None:
        """None stands for a connection that is cut."""
        super().__init__(("127.0.0.1", 0), _Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.looks = list(looks)
        self.keys: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    server: Door
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        self._answer(202, b'{"task_id": "a"}')

    def do_GET(self) -> None:
        look = self.server.looks.pop(0)
        if look is None:
            self.close_connection = True
        else:
            self._answer(*look)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def accepted() -> Request:
    """A task of which nothing more is known."""
    return Request(Kind.ASYNC, 0, 0.0, status=202, task_id="a", ended_at=0.01)


DONE = 200, b'{"status":"done","predictions":[1]}'
FAILED = 200, b'{"status":"failed"}'
QUEUED = 200, b'{"status":"queued"}'


def settled(door: Door, task: Request) -> Row:
    thread = threading.Thread(target=door.serve_forever, args=(0.01,))
    thread.start()
    try:
        settle([cast("SiteDoor", door)], [task], Work([b"{}"], [b"[1]"]))
    finally:
        door.shutdown()
        thread.join()
        door.server_close()
    assert not door.looks
    return tally("some", [task], None)


def test_a_task_that_was_cut_off_and_sent_again_is_counted_as_cut() -> None:
    task = Request(Kind.ASYNC, 0, time.monotonic(), key="its key")
    door = Door(DONE, DONE)
    task.note_answer(LOST, b"")
    row = settled(door, task)
    assert door.keys == ["its key"]
    assert (row.cut, row.accepted, row.done) == (1, 1, 1)
    assert not row.broken
    assert verdict(Fault("some", lambda _: pytest.fail("is not caused")), row)


@pytest.mark.parametrize(
    ("looks", "column"),
    [
        ([(404, b"{}"), DONE, DONE], "wrong"),
        ([DONE, (404, b"{}")], "wrong"),
        ([DONE, FAILED], "doubled"),
        ([DONE, QUEUED], "doubled"),
    ],
)
def test_what_each_look_was_told_counts(looks: list[tuple[int, bytes]], column: str) -> None:
    row = settled(Door(*looks), accepted())
    assert getattr(row, column) == 1
    assert row.done == 1


def test_a_look_that_finds_its_front_door_gone_is_made_again_and_counts_nowhere() -> None:
    row = settled(Door(None, DONE, None, DONE), accepted())
    assert (row.cut, row.done) == (0, 1)
    assert not row.broken
