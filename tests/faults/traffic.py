"""A constant load of both kinds, from its own thread, through whichever front door is ready."""

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from itertools import cycle, takewhile
from typing import Self

from ops.load.connection import Reply
from ops.load.pool import ConnectionPool, wait_any
from tests.faults.door import Door
from tests.faults.ledger import STEADY_SECONDS, back_after
from tests.faults.request import DEADLINE_SECONDS, Kind, Request
from tests.faults.work import LOOK_SECONDS, Work, look
from tests.processes import wait_until

PATIENCE_SECONDS = 40.0
"""After the load has ended; what has no answer by then has none."""

_CONNECTIONS = 512
"""At most, for each front door: more than may be under way within the deadline."""


class Traffic:
    """Sends while its context lasts. Every request it makes stays in ``requests``."""

    def __init__(
        self,
        doors: Sequence[Door],
        work: Work,
        rate: float,
        *,
        deadline: float = DEADLINE_SECONDS,
        async_every: int = 4,
    ) -> None:
        """``rate`` requests a second, of which every ``async_every``-th is asynchronous.

        The others wait ``deadline`` seconds for their answer.
        """
        self.requests: list[Request] = []
        self._doors = doors
        self._work = work
        self._rate = rate
        self._deadline = deadline
        self._async_every = async_every
        self._pools = {door.name: ConnectionPool(door.url, _CONNECTIONS) for door in doors}
        self._turns = cycle(doors)
        self._under_way = 0
        self._to_burst: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Sends nothing more, and waits for what is under way."""
        self._stopping.set()
        self._thread.join()

    def burst(self, count: int, deadline: float) -> list[Request]:
        """So many synchronous requests more, sent at once; the deadline is in seconds."""
        more = [Request(Kind.SYNC, 0, time.monotonic(), deadline=deadline) for _ in range(count)]
        for request in more:
            self._to_burst.put(request)
        return more

    def wait_sent(self, seconds: float) -> None:
        """Waits until as many requests more were sent as are due in so long."""
        until = len(self.requests) + int(self._rate * seconds)
        what = f"{seconds:g} s of load"
        wait_until(lambda: len(self.requests) >= until, seconds + PATIENCE_SECONDS, what)

    def take(self) -> list[Request]:
        """The requests so far, once their calls have ended; the traffic forgets them."""
        taken = self.requests[:]
        wait_until(
            lambda: not any(request.under_way for request in taken), PATIENCE_SECONDS, "answers"
        )
        del self.requests[: len(taken)]
        return taken

    def wait_steady(self, since: float, seconds: float, what: str) -> float:
        """Waits until all has been well for a while; the seconds from ``since`` until it began.

        Fails the test where it is not within ``seconds``.
        """
        found: list[float] = []

        def steady() -> bool:
            # What is under way may still turn out badly: only what has ended is looked at.
            ended_before = time.monotonic() - 2 * STEADY_SECONDS
            recent = takewhile(lambda r: r.sent_at >= since, reversed(self.requests))
            settled = [r for r in recent if r.ended_at is not None or r.sent_at < ended_before]
            seconds_until = back_after(settled, since)
            if seconds_until is not None:
                found.append(seconds_until)
            return bool(found)

        wait_until(steady, seconds, what)
        return found[0]

    def _run(self) -> None:
        began, number = time.monotonic(), 0
        while not self._stopping.is_set():
            now = time.monotonic()
            while began + number / self._rate <= now:
                self._send(number)
                number += 1
            while not self._to_burst.empty():
                self._send_sync(self._to_burst.get())
            wait_any(self._pools.values(), began + number / self._rate - time.monotonic())
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self._under_way and time.monotonic() < give_up:
            wait_any(self._pools.values(), 0.1)
        for pool in self._pools.values():
            pool.close()

    def _pool(self) -> ConnectionPool:
        """The next front door that says it is ready; the next of all where none does."""
        for _ in self._doors:
            door = next(self._turns)
            if door.ready:
                return self._pools[door.name]
        return self._pools[next(self._turns).name]

    def _send(self, number: int) -> None:
        row = number % len(self._work.bodies)
        if number % self._async_every:
            self._send_sync(Request(Kind.SYNC, row, time.monotonic(), self._deadline))
        else:
            self._send_task(Request(Kind.ASYNC, row, time.monotonic(), key=str(uuid.uuid4())))

    def _send_sync(self, request: Request) -> None:
        self.requests.append(request)

        def done(reply: Reply) -> None:
            request.note_answer(reply.status, reply.body, retry_after=reply.retry_after)
            if reply.status == HTTPStatus.OK:
                request.right = self._work.expected[request.row] in reply.body

        self._call(request, self._work.predict(request.row, request.deadline), done)

    def _send_task(self, request: Request) -> None:
        self.requests.append(request)

        def accepted(reply: Reply) -> None:
            request.note_answer(reply.status, reply.body, retry_after=reply.retry_after)
            if reply.status == HTTPStatus.ACCEPTED:
                request.task_id = json.loads(reply.body)["task_id"]
                self._look(request)

        self._call(request, self._work.submit(request.row, request.key), accepted)

    def _look(self, request: Request) -> None:
        asked_at = time.monotonic()

        def looked(reply: Reply) -> None:
            over = time.monotonic() - asked_at - LOOK_SECONDS
            request.slowest_look = max(request.slowest_look, over)
            request.note_look(reply.status, reply.body, self._work.expected[request.row])

        self._call(request, look(request.task_id), looked)

    def _call(self, request: Request, call: bytes, done: Callable[[Reply], None]) -> None:
        self._under_way += 1
        request.under_way = True

        def ended(reply: Reply) -> None:
            self._under_way -= 1
            request.under_way = False
            done(reply)

        self._pool().send(call, ended)
