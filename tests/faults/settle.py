"""After the load: every accepted task is looked at until it has ended, and once more."""

import json
import time
from collections import deque
from collections.abc import Generator, Sequence
from http import HTTPStatus

from ops.load.connection import Reply
from ops.load.pool import ConnectionPool, wait_any
from tests.faults.door import Door
from tests.faults.request import LOST, Kind, Request
from tests.faults.traffic import PATIENCE_SECONDS
from tests.faults.work import Work, look

SETTLE_SECONDS = 60
"""All parts are back: whatever was accepted must have ended by then."""

_AT_ONCE = 8
"""Tasks: few, because in a soak the load of the next round goes on meanwhile."""

_PAUSE_SECONDS = 0.1
"""After a call that was refused or lost."""

_Calls = Generator[bytes, Reply, None]
"""The calls about one task, each of which is given its reply."""


def settle(doors: Sequence[Door], sent: Sequence[Request], work: Work) -> None:
    """Asks a front door that is ready what became of every asynchronous request.

    A call that finds its front door gone is made again, and counts nowhere: the load is over. A
    task whose connection was cut is sent again with its key: its caller cannot know whether it
    was accepted. What has no end after SETTLE_SECONDS stays without, and the ledger counts it as
    lost.
    """
    tasks = [r for r in sent if r.kind is Kind.ASYNC and r.status in (LOST, HTTPStatus.ACCEPTED)]
    caller = _Caller(doors)
    try:
        caller.make([_settle(task, work) for task in tasks])
    finally:
        caller.close()


def _settle(task: Request, work: Work) -> _Calls:
    if task.status == LOST:
        yield from _send_again(task, work)
    ended_before = bool(task.end)
    yield from _look_until_ended(task, work)
    if task.end and not ended_before:
        yield from _look_until_ended(task, work)  # once more: an end stays


def _send_again(task: Request, work: Work) -> _Calls:
    give_up = time.monotonic() + SETTLE_SECONDS
    while task.status != HTTPStatus.ACCEPTED:
        reply = yield work.submit(task.row, task.key)
        if reply.status == HTTPStatus.ACCEPTED:
            task.status, task.task_id = reply.status, json.loads(reply.body)["task_id"]
        elif time.monotonic() > give_up:
            raise AssertionError(f"a task with the key {task.key} is not accepted: {reply}")


def _look_until_ended(task: Request, work: Work) -> _Calls:
    give_up = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < give_up:
        reply = yield look(task.task_id)
        if reply.status == LOST:
            continue
        task.note_look(reply.status, reply.body, work.expected[task.row])
        if task.end:
            return


class _Caller:
    """Makes the calls of many tasks, a few at a time, through whichever front door is ready."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = doors
        self._pools = {door.name: ConnectionPool(door.url, _AT_ONCE) for door in doors}
        self._under_way = 0
        self._heard_at = 0.0
        self._paused: deque[tuple[float, _Calls, Reply]] = deque()

    def make(self, tasks: Sequence[_Calls]) -> None:
        """Returns once nothing more is to be asked about any of them."""
        waiting = deque(tasks)
        self._heard_at = time.monotonic()
        while waiting or self._under_way:
            while waiting and self._under_way < _AT_ONCE:
                self._under_way += 1
                calls = waiting.popleft()
                self._call(calls, next(calls))
            wait_any(self._pools.values(), _PAUSE_SECONDS)
            while self._paused and self._paused[0][0] <= time.monotonic():
                _, calls, reply = self._paused.popleft()
                self._go_on(calls, reply)
            if time.monotonic() - self._heard_at > PATIENCE_SECONDS:
                raise AssertionError(f"no front door answers for {PATIENCE_SECONDS:g} s")

    def close(self) -> None:
        """Hangs up."""
        for pool in self._pools.values():
            pool.close()

    def _call(self, calls: _Calls, call: bytes) -> None:
        def heard(reply: Reply) -> None:
            self._heard_at = time.monotonic()
            if reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
                self._go_on(calls, reply)
            else:
                self._paused.append((self._heard_at + _PAUSE_SECONDS, calls, reply))

        door = next((door for door in self._doors if door.ready), self._doors[0])
        self._pools[door.name].send(call, heard)

    def _go_on(self, calls: _Calls, reply: Reply) -> None:
        try:
            self._call(calls, calls.send(reply))
        except StopIteration:
            self._under_way -= 1
