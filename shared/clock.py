"""One clock for all processes: Redis's, which each of them reckons from its own monotonic clock.

A deadline that one machine writes and another reads means something only if both look at the same
clock, and machines' own clocks may differ by half a minute. Every process needs Redis anyway. So it
asks Redis for the time once a second, off the hot path, and remembers how far that is from its
monotonic clock; nobody's wall clock is asked. While Redis is away the last offset holds:
two monotonic clocks part by DRIFT at most. Before it has ever been asked nobody can say what the
time is, and what needs to know waits, as it waits for Redis.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from redis import Redis

from shared.errors import ResultStoreUnavailable

MEASURE_SECONDS = 1.0
"""How often a process asks, or tries to."""

DRIFT = 500e-6
"""Seconds a second by which two clocks part at most: NTP slews none of them faster."""

PRECISE = 0.005
"""Seconds by which the time may be wrong without anybody's deadline being missed for it."""

_TRIES = 3
_MICROSECONDS = 1_000_000


class Offset(NamedTuple):
    """What one exchange with Redis has shown."""

    seconds: float
    """Redis's Unix time less the monotonic clock's: the best guess."""
    error: float
    """By how much that may be wrong, in seconds: half of the round trip (Cristian's algorithm)."""
    measured_at: float
    """By the monotonic clock."""

    def error_at(self, now: float) -> float:
        """How wrong it may be at ``now``, an instant of the monotonic clock."""
        return self.error + DRIFT * max(0.0, now - self.measured_at)


def measured(asked: float, told: float, heard: float) -> Offset:
    """The offset by an exchange: asked and heard at these instants, in between told a Unix time."""
    return Offset(told - (asked + heard) / 2, (heard - asked) / 2, heard)


def better(known: Offset | None, new: Offset) -> Offset:
    """The offset to go by.

    A slow exchange says little, so a good one is kept until it has aged so far that the new one
    is more certain. But where the two cannot both be right a clock has been set, or Redis
    is another one now, and the new one holds.
    """
    if known is None:
        return new
    known_error = known.error_at(new.measured_at)
    contradicts = abs(new.seconds - known.seconds) > known_error + new.error
    return new if contradicts or new.error <= known_error else known


class RedisClock:
    """Redis's Unix time in seconds, without asking Redis. Safe to read from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._offset: Offset | None = None

    def __call__(self) -> float:
        """The time. Raises ResultStoreUnavailable before it was measured for the first time."""
        offset = self._offset
        if offset is None:
            raise ResultStoreUnavailable("Redis: has not told the time yet")
        return self._clock() + offset.seconds

    @property
    def known(self) -> bool:
        """Whether it can be read."""
        return self._offset is not None

    def measure(self, redis: Redis) -> None:
        """Asks Redis. Raises redis.RedisError. For one thread."""
        self.learn(redis.time)

    def learn(self, ask: Callable[[], tuple[int, int]]) -> None:
        """Takes in Redis's answer to TIME, which ``ask`` gets: seconds and microseconds.

        Before anything was known it is asked again at once if that was slow: it had to connect.
        """
        for _ in range(1 if self.known else _TRIES):
            asked = self._clock()
            seconds, microseconds = ask()
            told = seconds + microseconds / _MICROSECONDS
            self._offset = better(self._offset, measured(asked, told, self._clock()))
            if self._offset.error <= PRECISE:
                return
