"""One measurement: a system under load, its answers checked, its CPU time counted."""

import asyncio
from collections.abc import Sequence
from typing import Any

import uvloop

from ops.bench.cpu import Parts, cpu_seconds, resident_megabytes
from ops.load.loops import closed_loop, open_loop, sender
from ops.load.pool import ConnectionPool
from ops.load.record import Record


def measure(
    url: str,
    requests: Sequence[bytes],
    expected: Sequence[bytes],
    parts: Parts,
    *,
    seconds: float,
    clients: int,
    rate: float | None = None,
) -> dict[str, Any]:
    """Figures of one round: at full speed with ``clients``, or at ``rate`` requests a second."""

    async def run() -> tuple[Record, float]:
        pool = ConnectionPool(url, clients)
        await pool.fill()
        record = Record()
        send = sender(pool, requests, expected)
        if rate is None:
            took = await closed_loop(send, clients, seconds, record)
        else:
            took = await open_loop(send, rate, seconds, record)
        pool.close()
        return record, took

    before = cpu_seconds(parts)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        record, took = runner.run(run())
    after = cpu_seconds(parts)
    per_request = {
        part: round(1000 * (after[part] - before[part]) / max(1, record.total), 3) for part in parts
    }
    return record.summary(took) | {
        "cpu_ms_per_request": per_request | {"sum": round(sum(per_request.values()), 3)},
        "resident_mb": resident_megabytes(parts),
    }
