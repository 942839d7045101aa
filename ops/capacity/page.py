"""The tables of docs/capacity.md, between their markers."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from ops.capacity.arithmetic import cells, channels, core_range, pods, rate_at
from ops.capacity.measured import PARTS, Measured
from shared.queues import MAX_SYNC_MESSAGES
from shared.settings import ApiSettings

RATES = (500, 5_000, 50_000)
"""Requests a second, single rows."""
CELL_RATE = 5_000
"""Requests a second that one stack is planned for at most."""
UTILISATION = 0.7
"""Of the one CPU that a process can use: what the autoscalers aim at."""
RESULT_BYTES = 500
"""Of Redis's memory, for the stored result of one row: 485 measured, of 100,000 in Redis 7.0."""
BATCH_ROWS = 20
"""Requests in a batch of a busy worker."""

Rows = Iterable[Sequence[object]]


def tables(measured: Measured) -> dict[str, str]:
    """Each table's text by the name in its markers."""
    return {
        "measured": _table(("part", "at", "CPU ms a request", "cores"), _measured(measured)),
        "pods": _table(
            ("requests/s", "front doors", "workers", "RabbitMQ, cores", "Redis, cores"),
            _pods(measured),
        ),
        "cells": _table(
            ("requests/s", "cells", "front doors", "workers", "RabbitMQ nodes", "Redis"),
            _cells(measured),
        ),
        "ceilings": _table(
            ("part", f"requests/s at {UTILISATION} of one core, dearest", "cheapest"),
            _ceilings(measured),
        ),
        "bounds": _table(
            (
                "requests/s",
                "full sync queue is worth, s",
                "sync results in Redis, GB",
                "async results in Redis, GB",
                "reply channels a batch speaks to",
            ),
            _bounds(measured),
        ),
    }


def put_in(page: str, named: dict[str, str]) -> str:
    """The page with each table between ``<!-- name -->`` and ``<!-- end -->``.

    Raises KeyError for a marker that names no table.
    """
    return re.sub(
        r"(<!-- (\w+) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{named[found[2]]}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def _measured(measured: Measured) -> Rows:
    for part in PARTS:
        for load in measured[part]:
            yield part, f"{load.rate:,.0f}/s", f"{load.cost * 1000:.3f}", f"{load.cores:.2f}"


def _pods(measured: Measured) -> Rows:
    for rate in RATES:
        front, worker = _pods_of(measured, rate)
        yield (
            f"{rate:,}",
            front,
            worker,
            _range(core_range(measured["rabbitmq"], rate)),
            _range(core_range(measured["redis"], rate)),
        )


def _cells(measured: Measured) -> Rows:
    for rate in RATES:
        count = cells(rate, CELL_RATE)
        front, worker = _pods_of(measured, rate / count)
        yield f"{rate:,}", count, count * front, count * worker, count * 3, count


def _ceilings(measured: Measured) -> Rows:
    for part in ("rabbitmq", "redis"):
        cheap, dear = core_range(measured[part], 1)
        yield part, f"{UTILISATION / dear:,.0f}", f"{UTILISATION / cheap:,.0f}"


def _bounds(measured: Measured) -> Rows:
    defaults = _defaults()
    for rate in RATES:
        front, _ = _pods_of(measured, rate)
        kept = [
            rate * defaults[ttl] * RESULT_BYTES / 1e9 for ttl in ("sync_result_ttl", "result_ttl")
        ]
        yield (
            f"{rate:,}",
            f"{MAX_SYNC_MESSAGES / rate:g}",
            *(f"{gigabytes:,.2f}" for gigabytes in kept),
            f"{channels(BATCH_ROWS, front):.1f} of {front}",
        )


def _pods_of(measured: Measured, rate: float) -> tuple[int, int]:
    front, worker = (
        pods(rate, rate_at(measured[part], UTILISATION)) for part in ("front door", "worker")
    )
    return front, worker


def _defaults() -> dict[str, float]:
    fields = msgspec.structs.fields(ApiSettings)
    return {field.name: field.default for field in fields if isinstance(field.default, int | float)}


def _range(pair: tuple[float, float]) -> str:
    low, high = pair
    return f"{low:.2g} to {high:.2g}"


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [" | ".join(head), " | ".join(["---", *["---:"] * (len(head) - 1)])]
    lines += [" | ".join(map(str, row)) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)
