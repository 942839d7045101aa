"""Keeps a log readable where anybody outside decides how often something happens."""

from collections.abc import Callable


class LogThrottle:
    """Lets one line through in an interval, and counts those that it keeps back."""

    def __init__(self, clock: Callable[[], float], seconds: float = 1.0) -> None:
        """``clock`` is monotonic, in seconds, as the interval is."""
        self._clock = clock
        self._seconds = seconds
        self._next_at = float("-inf")
        self._kept_back = 0

    def pass_line(self) -> int | None:
        """How many lines were kept back since the last one; None where this one is kept back."""
        now = self._clock()
        if now < self._next_at:
            self._kept_back += 1
            return None
        self._next_at = now + self._seconds
        kept_back, self._kept_back = self._kept_back, 0
        return kept_back
