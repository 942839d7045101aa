"""One measurement: a system under load, its answers checked, its CPU time counted."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.bench.cpu import cpu_seconds
from ops.bench.progress import Progress
from ops.bench.stand import Running
from ops.bench.work import Calls
from ops.load.loops import EverySecond, closed_loop, open_loop, sender
from ops.load.pool import ConnectionPool
from ops.load.record import Add, Record
from ops.load.schedule import Phase, Schedule

_CONNECTIONS = 256
"""An open loop has at most so many requests under way; the others wait, and their time counts."""


@contextmanager
def _without_pauses() -> Iterator[None]:
    """Holds the garbage collector back: a pause of it would count as the service's latency.

    What is kept of each request makes a full collection take tens of milliseconds.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def at_full_speed(
    running: Running, calls: Calls, progress: Progress, *, clients: int, seconds: float
) -> dict[str, Any]:
    """Figures of a closed loop. Raises OSError where nobody listens."""
    record = Record()
    before, began = cpu_seconds(running.parts), time.process_time()
    pool = ConnectionPool(running.system.url, clients)
    pool.fill()
    send = sender(pool, calls.requests, calls.expected)
    every_second = progress.watch(record)
    with _without_pauses():
        took = closed_loop(pool, send, record.add, every_second, clients=clients, seconds=seconds)
    pool.close()
    return _figures(running, record, took, before, time.process_time() - began)


def at_rate(
    running: Running, calls: Calls, progress: Progress, *, rate: float, seconds: float
) -> dict[str, Any]:
    """Figures of an open loop at a constant rate. Raises OSError where nobody listens."""
    record = Record()
    before, began = cpu_seconds(running.parts), time.process_time()
    schedule = Schedule(Phase(rate, seconds))
    took = follow(running, calls, schedule, record.add, progress.watch(record))
    figures = _figures(running, record, took, before, time.process_time() - began)
    return {"offered_per_second": round(rate, 1)} | figures


def follow(
    running: Running,
    calls: Calls,
    schedule: Schedule,
    add: Add,
    every_second: EverySecond,
    *,
    connections: int = _CONNECTIONS,
) -> float:
    """Sends by a schedule; the seconds until all was answered. Raises OSError as above."""
    pool = ConnectionPool(running.system.url, connections)
    pool.fill()
    send = sender(pool, calls.requests, calls.expected)
    with _without_pauses():
        took = open_loop(pool, send, schedule, add, every_second)
    pool.close()
    return took


def _figures(
    running: Running, record: Record, took: float, before: dict[str, float], own_cpu: float
) -> dict[str, Any]:
    after = cpu_seconds(running.parts)
    requests = max(1, record.total)
    by_part = {part: round(1000 * (after[part] - before[part]) / requests, 3) for part in before}
    return record.summary(took) | {
        "cpu_ms_per_request": by_part,
        "cpu_ms_per_request_sum": round(sum(by_part.values()), 3),
        "load_generator_cpu_share": round(own_cpu / took, 3),
    }
