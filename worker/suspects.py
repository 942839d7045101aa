"""What is done with a message that may have killed a worker: decisions only, no I/O, no clock.

A message that comes again is a *suspect*: whoever had it died, or lost its connection. Of all that
a dead worker held one message may be poison, and nobody can tell which. So each is predicted alone,
and its beginning is counted first, where the count outlives the worker. Those with the fewest
beginnings go first, so that whatever the next one does, the others have been answered.
"""

from collections.abc import Sequence

MOST_BEGINNINGS = 3
"""Beginnings without an end after which a message is given up.

A message alone takes milliseconds. That a worker is killed from outside in just these may happen
to an innocent one, even twice; three times is no chance.
"""

CALM_SECONDS = 0.05
"""RabbitMQ sends what a dead worker held in a few milliseconds, and to read it takes about 50."""


def is_poison(beginnings: int) -> bool:
    """Whether a message is given up that has begun so often and never ended."""
    return beginnings >= MOST_BEGINNINGS


def most_innocent(beginnings: Sequence[int]) -> int:
    """The place of who goes next: the fewest beginnings, and of several whoever came first."""
    return min(range(len(beginnings)), key=beginnings.__getitem__)


def seconds_until_calm(beginnings: int, newest_at: float, now: float) -> float:
    """How long a suspect has still to wait for others that go before it.

    ``newest_at`` and ``now`` are instants of one clock, in seconds: when a suspect came last, and
    this one. Only one that has begun before waits: it is likely to take with it what comes now.
    """
    return max(0.0, newest_at + CALM_SECONDS - now) if beginnings else 0.0
