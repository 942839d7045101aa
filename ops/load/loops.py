"""When requests are sent, and what is told of each when it has ended."""

import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

from ops.load.connection import Reply
from ops.load.pool import ConnectionPool
from ops.load.record import Add, Ended
from ops.load.schedule import Schedule

PATIENCE = 60.0
"""Seconds after the last request was due; what has no reply by then is lost."""

_TICK = 0.001
"""Seconds. Where several requests are due in less, replies do not wake the load generator."""

Send = Callable[[int, Callable[[Reply, bool], None]], None]
"""Sends request number ``n``; its callback gets the reply and whether it is the right one."""

EverySecond = Callable[[float], None]
"""Called about once a second with the seconds since the run began. Must be quick."""


class Ready(Protocol):
    """Requests, or parts of replies, by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, at: int, /) -> bytes: ...


def sender(pool: ConnectionPool, requests: Ready, expected: Ready = ()) -> Send:
    """Cycles through ready-made requests; a good answer holds the ``expected`` bytes, if any."""
    number_of = len(requests)

    def send(number: int, done: Callable[[Reply, bool], None]) -> None:
        at = number % number_of
        pool.send(
            requests[at],
            lambda reply: done(reply, not expected or expected[at] in reply.body),
        )

    return send


def open_loop(
    pool: ConnectionPool, send: Send, schedule: Schedule, add: Add, every_second: EverySecond
) -> float:
    """Sends by schedule whatever comes back; the seconds until all was answered.

    Latency counts from the moment a request was due, so a stalled server cannot hide the
    requests it kept from being sent ("coordinated omission", Gil Tene). The poll's clock ticks
    in milliseconds, and where cores are shared it may have to wait for one: by how much a request
    was sent late is in its latency, and told apart. In a crowd, requests are sent and replies
    taken once a tick: to be woken for each of them would take a core from the service every
    time. That makes latencies up to a tick longer, never shorter.
    """
    clock = time.perf_counter
    total = schedule.requests
    sent = ended = 0
    began = clock()

    def start(number: int, due: float) -> None:
        late = clock() - began - due

        def done(reply: Reply, right: bool) -> None:
            nonlocal ended
            ended += 1
            add(Ended(reply, right, due, clock() - began - due, late))

        send(number, done)

    tick = _ticker(every_second)
    while ended < total:
        elapsed = clock() - began
        for due in schedule.dues(sent, schedule.due_by(elapsed)):
            start(sent, due)
            sent += 1
        now = clock() - began
        if schedule.due_by(now + _TICK) > sent + 1:
            time.sleep(_TICK)
            pool.wait(0.0)
        else:
            pool.wait(schedule.due(sent) - now if sent < total else 1.0)
        tick(elapsed)
        if elapsed > schedule.seconds + PATIENCE:
            pool.abandon()
    return clock() - began


def closed_loop(
    pool: ConnectionPool,
    send: Send,
    add: Add,
    every_second: EverySecond,
    *,
    clients: int,
    seconds: float,
) -> float:
    """As many clients as there are, each sending as soon as it has its answer."""
    clock = time.perf_counter
    numbers = count()
    active = clients
    began = clock()

    def start() -> None:
        sent_at = clock() - began

        def done(reply: Reply, right: bool) -> None:
            nonlocal active
            now = clock() - began
            add(Ended(reply, right, sent_at, now - sent_at))
            if now < seconds:
                start()
            else:
                active -= 1

        send(next(numbers), done)

    for _ in range(clients):
        start()
    tick = _ticker(every_second)
    while active:
        pool.wait(1.0)
        elapsed = clock() - began
        tick(elapsed)
        if elapsed > seconds + PATIENCE:
            pool.abandon()
    return clock() - began


def _ticker(every_second: EverySecond) -> EverySecond:
    """Passes on the first call of each second."""
    next_at = 1.0

    def tick(elapsed: float) -> None:
        nonlocal next_at
        if elapsed >= next_at:
            next_at = int(elapsed) + 1.0
            every_second(elapsed)

    return tick
