"""Whom to let in: bounds what is in hand by number and by how long it would have to wait.

More than can be answered in time only makes everybody late, so the surplus is told at once to
come back later. The wait is estimated by Little's law: so many in hand, so many done a second.
https://en.wikipedia.org/wiki/Little%27s_law
"""

from typing import NamedTuple

ALWAYS_ADMITTED = 16
"""So few in hand say nothing of what the workers can do, and cost nothing to try."""

_WINDOW_SECONDS = 0.25
"""Answers come in bursts, a batch at a time: a rate needs several of them."""


class AdmissionLimits(NamedTuple):
    """What one lane of one process takes in."""

    in_flight: int
    """Requests in hand at once."""
    wait: float
    """Seconds that a new one may expect to wait whose caller does not say how long it will."""


class Admission:
    """One lane's requests in hand, and how fast they leave. Instants are monotonic seconds.

    The rate is only known while the lane is busy without a break; else it is taken for enough.
    """

    __slots__ = ("_began", "_left", "_limits", "_rate", "in_flight")

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self.in_flight = 0
        self._rate: float | None = None
        self._left = 0
        self._began = 0.0

    def enter(self, now: float, wait: float | None = None) -> bool:
        """Lets a request in, or does not. One that is in must ``leave`` once, however it ends.

        ``wait`` takes the place of the limit for this one, in seconds.
        """
        if self.full(now, wait):
            return False
        self.in_flight += 1
        if self.in_flight == ALWAYS_ADMITTED:
            self._rate = None
            self._start_window(now)
        return True

    def full(self, now: float, wait: float | None = None) -> bool:
        """Whether no request would be let in that may expect to wait so long."""
        if self.in_flight >= self._limits.in_flight:
            return True
        longest = self._limits.wait if wait is None else wait
        return self.in_flight >= ALWAYS_ADMITTED and self._expected_wait(now) > longest

    def leave(self) -> None:
        """A request is done, well or not."""
        self.in_flight -= 1
        self._left += 1

    def _expected_wait(self, now: float) -> float:
        """Seconds until all that is in hand is done; 0.0 where the rate is not known."""
        # Not measured as requests leave: the first of a batch to leave would stand for all. And a
        # handful may have left before the machine had something else to do for a moment.
        some = self._left >= ALWAYS_ADMITTED
        enough = _WINDOW_SECONDS if some else max(_WINDOW_SECONDS, self._limits.wait)
        open_for = now - self._began
        if open_for >= enough:
            self._rate = self._left / open_for
            self._start_window(now)
        if self._rate is None:
            return 0.0
        return self.in_flight / self._rate if self._rate else float("inf")

    def _start_window(self, now: float) -> None:
        self._began = now
        self._left = 0
