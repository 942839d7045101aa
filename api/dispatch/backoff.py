"""How often something is tried that helps at once or most likely not at all."""

from collections.abc import Callable


class Backoff:
    """At once, and then after pauses of which each is twice as long as the one before."""

    def __init__(self, clock: Callable[[], float], first: float, most: float) -> None:
        """The first pause and the longest one, in seconds by ``clock``, which is monotonic."""
        self._clock = clock
        self._first = first
        self._most = most
        self._pause = first
        self._until = clock()

    def due(self) -> bool:
        """Whether to try now. If so, a pause begins."""
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + self._pause
        self._pause = min(2 * self._pause, self._most)
        return True

    def over(self) -> None:
        """All is well: the next time is at once."""
        self._until = self._clock()
        self._pause = self._first
