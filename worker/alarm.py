"""A call that is still to come: one at most."""

from collections.abc import Callable
from typing import Protocol


class TimerEntry(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """It comes no more."""


class Timer(Protocol):
    """The part of the event loop's timer that is needed."""

    def call_after(self, secs: float, fun: Callable[[], None]) -> TimerEntry:
        """Calls ``fun`` once, after ``secs`` seconds."""


class Alarm:
    """Calls one function, once for each time it was set."""

    def __init__(self, timer: Timer, fun: Callable[[], None]) -> None:
        self._timer = timer
        self._fun = fun
        self._entry: TimerEntry | None = None

    @property
    def is_set(self) -> bool:
        """Whether a call is still to come."""
        return self._entry is not None

    def set(self, seconds: float) -> None:
        """Calls after so many seconds, in place of any call that is still to come."""
        self.cancel()
        self._entry = self._timer.call_after(seconds, self._ring)

    def cancel(self) -> None:
        """No call is to come."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _ring(self) -> None:
        self._entry = None
        self._fun()
