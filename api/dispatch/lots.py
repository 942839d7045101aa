"""Takes together from a queue what is ready together."""

import queue
from typing import TypeVar

T = TypeVar("T")


def take_lot(
    entries: "queue.SimpleQueue[T | None]", most: int, timeout: float | None = None
) -> tuple[list[T], bool]:
    """At most ``most`` entries in order, and whether they are the last: None in the queue ends it.

    Waits for the first one, ``timeout`` seconds at most where that is given; empty where none came.
    """
    lot: list[T] = []
    try:
        entry = entries.get(timeout=timeout)
        while entry is not None:
            lot.append(entry)
            if len(lot) == most:
                return lot, False
            entry = entries.get_nowait()
    except queue.Empty:
        return lot, False
    return lot, True
