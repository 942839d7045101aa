"""When the requests of an open loop are due."""

from collections.abc import Iterator
from typing import NamedTuple


class Phase(NamedTuple):
    """A constant rate for a time."""

    rate: float
    """Requests a second."""
    seconds: float

    @property
    def requests(self) -> int:
        """How many requests are due in it."""
        return int(self.rate * self.seconds)


class Schedule:
    """Phases, one after the other. Requests are numbered from 0, in the order they are due."""

    def __init__(self, *phases: Phase) -> None:
        self._phases = phases
        self.requests = sum(phase.requests for phase in phases)
        self.seconds = sum(phase.seconds for phase in phases)

    def due(self, number: int) -> float:
        """When a request is due, in seconds from the beginning."""
        began = 0.0
        for phase in self._phases:
            if number < phase.requests:
                return began + number / phase.rate
            number -= phase.requests
            began += phase.seconds
        return began

    def dues(self, first: int, end: int) -> Iterator[float]:
        """When each of ``first <= number < end`` is due: cheaper than to ask for one by one."""
        began = 0.0
        number = 0
        for phase in self._phases:
            for at in range(max(0, first - number), min(phase.requests, end - number)):
                yield began + at / phase.rate
            number += phase.requests
            began += phase.seconds

    def due_by(self, elapsed: float) -> int:
        """How many requests are due ``elapsed`` seconds after the beginning."""
        due = 0
        for phase in self._phases:
            if elapsed < 0:
                break
            due += min(phase.requests, int(elapsed * phase.rate) + 1)
            elapsed -= phase.seconds
        return due
