"""The ledger as a table."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from shared.redis_client import MAX_CONNECTIONS
from tests.faults.footprint import REDIS_MEMORY, REST_KEYS, RESULT_KEYS, Footprint
from tests.faults.ledger import Row

_COLUMNS = {
    "fault": "fault",
    "sent": "sent",
    "right": "right",
    "refused": "refused",
    "slowest_refusal": "slowest refusal s",
    "sync_out": "sync out s",
    "tasks_out": "tasks out s",
    "cut": "cut",
    "accepted": "accepted",
    "done": "done",
    "lost": "lost",
    "doubled": "doubled",
    "wrong": "wrong",
    "late": "late",
    "back_after": "back after s",
}
"""Fields of a row and what they are called."""

_PARTS = 5
"""Of a soak, told apart to see whether what it takes up grows or levels off."""

_MUCH = 1.05
"""Growth that is none of chance, where each part has more than the one before it."""


def table(rows: Sequence[Row]) -> str:
    """Markdown, one line a fault."""
    lines = [
        "| " + " | ".join(_COLUMNS.values()) + " |",
        "| --- |" + " ---: |" * (len(_COLUMNS) - 1),
    ]
    lines += [
        "| " + " | ".join(_cell(getattr(row, field)) for field in _COLUMNS) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "never"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def in_all(rows: Sequence[Row]) -> list[Row]:
    """One row for all rounds with the same fault, and one for everything."""
    by_fault: dict[str, list[Row]] = {}
    for row in rows:
        by_fault.setdefault(row.fault, []).append(row)
    summed = [_sum(f"{fault} ({len(same)} times)", same) for fault, same in by_fault.items()]
    return [*summed, _sum("in all", rows)]


def _sum(name: str, rows: Sequence[Row]) -> Row:
    """Counts added up; of the two times the worst."""
    never = any(row.back_after is None for row in rows)
    added = {
        field: sum(getattr(row, field) for row in rows)
        for field in Row._fields
        if field not in ("fault", "slowest_refusal", "back_after")
    }
    return Row(
        fault=name,
        slowest_refusal=max(row.slowest_refusal for row in rows),
        back_after=None if never else max(row.back_after or 0.0 for row in rows),
        **added,
    )


def flatness(rounds: Sequence[Footprint], before: Footprint, after: Footprint) -> str:
    """What was taken up under load, medians of each fifth of the rounds, first to last; and what
    was left before and after all of it.
    """
    by_part = _medians(rounds)
    count = len(next(iter(by_part.values())))
    heads = " | ".join(f"{part}/{count}" for part in range(1, count + 1))
    lines = [f"| under load | {heads} |", "| --- |" + " ---: |" * count]
    for what, values in by_part.items():
        lines.append(f"| {what} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    lines += ["", "| at rest | before | after |", "| --- | ---: | ---: |"]
    lines += [f"| {what} | {before[what]:.0f} | {after[what]:.0f} |" for what in before]
    return "\n".join(lines) + "\n"


def growing(rounds: Sequence[Footprint], before: Footprint, after: Footprint) -> list[str]:
    """What goes on growing under load, and what stays behind at rest; both should be nothing.

    Under load that is what rises from each fifth to the next, the first left out, in which the
    service warms up. Redis's memory may: a key of idempotency is kept for a day. At rest a process
    may keep the connections to Redis that it has needed at the same time, and of each round a mark.
    """
    found = [
        f"{what} grows: {values[1]:.1f} to {values[-1]:.1f}"
        for what, values in _medians(rounds).items()
        if what != REDIS_MEMORY
        and len(values) == _PARTS
        and all(earlier < later for earlier, later in pairwise(values[1:]))
        and values[-1] > values[1] * _MUCH
    ]
    may_stay = {
        RESULT_KEYS: 0,
        REST_KEYS: len(rounds),
        "front door: open files": MAX_CONNECTIONS,
        "worker: open files": MAX_CONNECTIONS,
    }
    return found + [
        f"{what} stay: {before[what]:.0f} before, {after[what]:.0f} after"
        for what, more in may_stay.items()
        if after[what] > before[what] + more
    ]


def _medians(rounds: Sequence[Footprint]) -> Mapping[str, list[float]]:
    """By what was taken up, the median of each part of the rounds."""
    count = min(_PARTS, len(rounds))
    parts = [
        rounds[part * len(rounds) // count : (part + 1) * len(rounds) // count]
        for part in range(count)
    ]
    return {what: [median(r[what] for r in part) for part in parts] for what in rounds[0]}
