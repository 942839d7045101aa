"""When requests are sent."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import cycle

from ops.load.connection import Reply
from ops.load.pool import ConnectionPool
from ops.load.record import Record

_TICK = 0.001
"""Seconds between looks at the schedule; a request is sent at most this much late."""

Send = Callable[[int, Callable[[Reply, bool], None]], None]
"""Sends request number ``n``; its callback gets the reply and whether it is the right one."""


def sender(pool: ConnectionPool, requests: Sequence[bytes], expected: Sequence[bytes] = ()) -> Send:
    """Cycles through ready-made requests; a good answer holds the ``expected`` bytes, if any."""
    count = len(requests)

    def send(number: int, done: Callable[[Reply, bool], None]) -> None:
        at = number % count
        pool.send(
            requests[at],
            lambda reply: done(reply, not expected or expected[at] in reply.body),
        )

    return send


async def open_loop(send: Send, rate: float, seconds: float, record: Record) -> float:
    """Sends at a constant rate whatever comes back; the seconds until all was answered.

    Latency counts from the moment a request was due, so a stalled server cannot hide the
    requests it kept from being sent ("coordinated omission", Gil Tene).
    """
    total = int(rate * seconds)
    finished = asyncio.Event()
    began = time.perf_counter()

    def start(number: int) -> None:
        due = began + number / rate

        def done(reply: Reply, right: bool) -> None:
            record.add(reply.status, time.perf_counter() - due, right)
            if record.total == total:
                finished.set()

        send(number, done)

    sent = 0
    while sent < total:
        due_now = min(total, int((time.perf_counter() - began) * rate) + 1)
        for number in range(sent, due_now):
            start(number)
        sent = due_now
        await asyncio.sleep(_TICK)
    await finished.wait()
    return time.perf_counter() - began


async def closed_loop(send: Send, clients: int, seconds: float, record: Record) -> float:
    """As many clients as there are, each sending as soon as it has its answer."""
    numbers = cycle(range(1 << 30))
    began = time.perf_counter()
    end = began + seconds
    finished = asyncio.Event()
    active = clients

    def start() -> None:
        sent_at = time.perf_counter()

        def done(reply: Reply, right: bool) -> None:
            nonlocal active
            now = time.perf_counter()
            record.add(reply.status, now - sent_at, right)
            if now < end:
                start()
                return
            active -= 1
            if not active:
                finished.set()

        send(next(numbers), done)

    for _ in range(clients):
        start()
    await finished.wait()
    return time.perf_counter() - began
