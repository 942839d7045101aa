"""One value handed from one thread to another."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds the first value that is put and wakes whoever waits for it.

    A lock instead of an Event: half the objects, and the hot path makes one a request.
    """

    __slots__ = ("_empty", "_full", "_value")

    def __init__(self) -> None:
        self._value: T | None = None
        self._empty = [True]
        self._full = threading.Lock()
        self._full.acquire()

    def put(self, value: T) -> None:
        """Hands the value over; later values are dropped."""
        try:
            self._empty.pop()  # atomic: of two that put at once only one gets past
        except IndexError:
            return
        self._value = value
        self._full.release()

    def get(self, timeout: float) -> T | None:
        """The value, waited for at most ``timeout`` seconds; None where none came.

        For one reader only.
        """
        self._full.acquire(timeout=max(0.0, timeout))
        return self._value
