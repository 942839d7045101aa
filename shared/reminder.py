"""When a trouble that goes on is to be logged: at once, and then from time to time."""

from collections.abc import Callable

AGAIN_SECONDS = 60.0


class Reminder:
    """One trouble, of which somebody hears many times a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, in seconds."""
        self._clock = clock
        self._said = ""
        self._said_at = 0.0

    def due(self, text: str) -> bool:
        """Whether to say it now: it is another one than before, or was said a while ago."""
        now = self._clock()
        if text == self._said and now < self._said_at + AGAIN_SECONDS:
            return False
        self._said, self._said_at = text, now
        return True

    def over(self) -> None:
        """The trouble has ended: the next one is said at once."""
        self._said = ""
