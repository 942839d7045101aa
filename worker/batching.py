"""When to predict and what with: decisions only, no I/O and no clock of their own."""

import math
from collections import deque
from collections.abc import Sized
from typing import NamedTuple, Protocol, TypeVar

_RECENT = 4
"""Arrivals that tell the rate: few, so that the first of a burst soon wait for the rest."""


class BatchLimits(NamedTuple):
    """A batch is due when it is full, or its oldest message has waited long enough for others."""

    rows: int
    wait: float
    """Seconds."""


class Batchable(Protocol):
    """Something that takes up room in a batch."""

    @property
    def rows(self) -> Sized:
        """The rows it brings."""


T = TypeVar("T", bound=Batchable)


class Arrivals:
    """How long the worker has been idle before each message, lately. Instants of one clock.

    Idle, not merely apart: what arrives while a batch is predicted is only looked at afterwards,
    and must not be taken for a lone message because predicting took so long.
    """

    def __init__(self) -> None:
        self._free_since = -math.inf
        self._gaps: deque[float] = deque([math.inf] * _RECENT, maxlen=_RECENT)

    def add(self, now: float) -> None:
        """A message has come."""
        self._gaps.append(now - self._free_since)
        self._free_since = now

    def worked_until(self, now: float) -> None:
        """Until now the worker could not take a message."""
        self._free_since = now

    def gap(self) -> float:
        """Mean seconds of idling before a message; infinite before there were some messages."""
        return sum(self._gaps) / _RECENT


def seconds_until_due(
    rows: int, oldest_at: float, now: float, gap: float, limits: BatchLimits
) -> float:
    """How long a batch may still collect: 0.0 when it is full, old enough, or expects no company.

    ``oldest_at`` and ``now`` are instants of the same clock; ``gap`` is how long the worker idles
    before a message. All in seconds. Waiting pays only while the next message comes within the
    wait, so a lone request is predicted at once, and under load batches fill.
    """
    if rows >= limits.rows or gap > limits.wait:
        return 0.0
    return max(0.0, oldest_at + limits.wait - now)


def take_batch(first: deque[T], second: deque[T], max_rows: int) -> list[T]:
    """Removes the next batch from two waiting lines, most of it from the first.

    The second line is sure of a quarter of the room, so that neither can starve the other;
    what one line leaves free the other may use. At least one item is taken, however large.
    """
    reserved = max_rows // 4 if second else 0
    taken, used = _take(first, max_rows - reserved)
    more, used_by_second = _take(second, max_rows - used) if used < max_rows else ([], 0)
    rest, _ = _take(first, max_rows - used - used_by_second) if first else ([], 0)
    return taken + more + rest


def _take(line: deque[T], room: int) -> tuple[list[T], int]:
    """Items from the front while there is room; one may stand out over the edge."""
    taken: list[T] = []
    used = 0
    while line and used < room:
        item = line.popleft()
        taken.append(item)
        used += max(1, len(item.rows))
    return taken, used
