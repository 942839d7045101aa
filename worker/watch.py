"""Whether a worker is stuck: decided from the signs that its event loop leaves, without a clock.

Two things are not to last:

- The loop neither turns nor begins a batch: something never returns, or never comes back to
  consuming after a connection was lost.
- The loop turns, but nothing comes of a lane that it consumes, although messages wait there, or
  there is no such queue any more: the consumer was lost without anybody being told.

RabbitMQ is asked twice before either counts. While it does not answer, waiting for it is what a
worker has to do; and once it does, a worker that tries to connect has the time in between. So has
one whose process was stopped, or whose machine slept.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.queues import Lane
from worker.lanes_seen import LaneSeen


class Patience(NamedTuple):
    """How long something may last, in seconds."""

    still: float = 60.0
    """One batch, or a call that the loop makes. RabbitMQ hears nothing of the worker in that time,
    and after 40 s at most (two heartbeats) gives its messages to another: more is of no use."""
    quiet: float = 10.0
    """A lane of which nothing comes, before RabbitMQ is asked about it; and between two looks."""


PATIENCE = Patience()

_LOOKS = 2


class Signs:
    """What the event loop leaves behind for the watchdog: plain numbers, written by one thread."""

    def __init__(self) -> None:
        self.turns = 0
        self.batches = 0
        self.consumed: frozenset[Lane] = frozenset()
        self.taken = dict.fromkeys(Lane, 0)
        self.in_hand = dict.fromkeys(Lane, 0)

    def turned(self, consumed: Iterable[Lane]) -> None:
        """The loop goes round, and takes what has come of the lanes that it consumes.

        A lane that cannot be had is asked for again and again, and is missing meanwhile.
        """
        self.turns += 1
        self.consumed = frozenset(consumed)

    def began_batch(self) -> None:
        """A batch begins; of those that wait one may follow another without a turn."""
        self.batches += 1

    def took(self, lane: Lane) -> None:
        """A message was delivered."""
        self.taken[lane] += 1
        self.in_hand[lane] += 1

    def gave_back(self, lane: Lane) -> None:
        """A message was acknowledged or rejected."""
        self.in_hand[lane] -= 1

    def dropped_all(self) -> None:
        """What was in hand went with its connection."""
        self.in_hand = dict.fromkeys(Lane, 0)


class Watch:
    """Decides from signs, and from what RabbitMQ says. Knows of time only what it is told."""

    def __init__(self, signs: Signs, patience: Patience) -> None:
        self._signs = signs
        self._patience = patience
        self._turns, self._batches = signs.turns, signs.batches
        self._still = 0.0
        self._looks = 0
        self._lanes = {lane: _LaneWatch(lane, signs) for lane in Lane}

    def pass_time(self, seconds: float) -> bool:
        """So much time has passed; whether RabbitMQ should be asked now."""
        turned = self._turns != self._signs.turns
        if turned or self._batches != self._signs.batches:
            self._still, self._looks = 0.0, 0
        else:
            self._still += seconds
        self._turns, self._batches = self._signs.turns, self._signs.batches
        if turned:  # or it could not have taken anything
            for lane in self._lanes.values():
                lane.pass_time(seconds)
        return self._still >= self._patience.still or bool(self._quiet())

    def verdict(self, seen: Mapping[Lane, LaneSeen] | None) -> str | None:
        """What is wrong with this worker, by what RabbitMQ says; None: nothing, as far as is known.

        ``seen`` is None where RabbitMQ does not answer.
        """
        quiet, still = self._quiet(), self._still >= self._patience.still
        if still:
            self._still = self._patience.still - self._patience.quiet
            self._looks = 0 if seen is None else self._looks + 1
            if self._looks >= _LOOKS:
                return "The event loop does not turn"
        deaf = [lane.name for lane in quiet if lane.looked_at(seen) >= _LOOKS]
        return f"Nothing comes from {', '.join(deaf)}" if deaf else None

    def _quiet(self) -> "list[_LaneWatch]":
        return [lane for lane in self._lanes.values() if lane.quiet >= self._patience.quiet]


class _LaneWatch:
    """How long nothing has come of a lane that the worker has nothing of in hand."""

    def __init__(self, name: Lane, signs: Signs) -> None:
        self.name = name
        self.quiet = 0.0
        self._signs = signs
        self._taken = signs.taken[name]
        self._unserved = 0

    def pass_time(self, seconds: float) -> None:
        """So much time has passed, in which the loop has turned."""
        taken = self._signs.taken[self.name]
        busy = taken != self._taken or self._signs.in_hand[self.name]
        if busy or self.name not in self._signs.consumed:
            self.quiet, self._unserved = 0.0, 0
        else:
            self.quiet += seconds
        self._taken = taken

    def looked_at(self, seen: Mapping[Lane, LaneSeen] | None) -> int:
        """How many looks in a row have found the lane unserved, this one included."""
        self.quiet = 0.0
        self._unserved = self._unserved + 1 if seen and seen[self.name].unserved else 0
        return self._unserved
