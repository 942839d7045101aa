"""Starts what supervisor has given up, after pauses that grow: nothing is given up for good."""

from collections.abc import Callable
from typing import Protocol

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 60.0


class Restartable(Protocol):
    """What can be looked at and restarted: a ``Supervisor``."""

    def failed(self) -> list[str]:
        """Names of the processes that are not restarted by themselves any more."""

    def restart(self, name: str) -> None:
        """Starts one of them."""


class Restarts:
    """The pauses of each process."""

    def __init__(
        self, supervisor: Restartable, clock: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        """``clock`` is monotonic, in seconds; ``say`` tells the person at the terminal."""
        self._supervisor = supervisor
        self._clock = clock
        self._say = say
        self._due: dict[str, float] = {}
        self._pauses: dict[str, float] = {}

    def look(self) -> None:
        """To be called about every second."""
        failed = self._supervisor.failed()
        now = self._clock()
        for name in failed:
            if name not in self._due:
                pause = self._pauses.get(name, FIRST_SECONDS)
                self._pauses[name] = min(2 * pause, LONGEST_SECONDS)
                self._due[name] = now + pause
                self._say(f"{name} ends again and again: the next start is in {pause:.0f} s")
            elif now >= self._due[name]:
                del self._due[name]
                self._supervisor.restart(name)
        for name in self._due.keys() - set(failed):
            del self._due[name]
