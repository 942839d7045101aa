"""Requests that go on while something is done to the stack, and what became of them."""

import time
from itertools import count
from threading import Event, Thread
from typing import Self

from ops.bench.work import Calls
from ops.load.loops import open_loop, sender
from ops.load.pool import ConnectionPool
from ops.load.record import Ended, Record
from ops.load.schedule import Phase, Schedule

_CONNECTIONS = 64
_BURST = 1.0
"""Seconds of load between two looks whether to stop."""


class Traffic:
    """Single rows at about ``rate`` a second, from a thread, while its context lasts."""

    def __init__(self, url: str, calls: Calls, rate: float) -> None:
        self._pool = ConnectionPool(url, _CONNECTIONS)
        self._send = sender(self._pool, calls.requests, calls.expected)
        self._rate = rate
        self._record = Record()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="traffic")
        self._last_good = time.monotonic()
        self.longest_silence = 0.0
        """Seconds without a right answer."""

    def __enter__(self) -> Self:
        self._last_good = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._heard_nothing_since(self._last_good)
        self._pool.close()

    @property
    def requests(self) -> int:
        """How many have ended."""
        return self._record.total

    @property
    def wrong(self) -> int:
        """Answers with status 200 and other numbers than the right ones."""
        return self._record.wrong

    @property
    def statuses(self) -> dict[int, int]:
        """How requests ended, 0 where the connection was refused or lost."""
        return {status: n for status, n in sorted(self._record.statuses.items()) if n}

    @property
    def p99_ms(self) -> float:
        """Of the right answers."""
        return self._record.good_latency.milliseconds(99)

    def only(self, allowed: set[int]) -> bool:
        """Whether there were requests, none ended in another way, and no answer was wrong."""
        return bool(self.requests) and not self.wrong and self.statuses.keys() <= allowed

    def _run(self) -> None:
        numbers = count()
        while not self._stop.is_set():
            open_loop(
                self._pool,
                lambda _, done: self._send(next(numbers), done),
                Schedule(Phase(self._rate, _BURST)),
                self._add,
                lambda _: None,
            )

    def _add(self, ended: Ended) -> None:
        self._record.add(ended)
        if ended.reply.status == 200 and ended.right:  # noqa: PLR2004
            self._heard_nothing_since(self._last_good)
            self._last_good = time.monotonic()

    def _heard_nothing_since(self, moment: float) -> None:
        self.longest_silence = max(self.longest_silence, time.monotonic() - moment)
