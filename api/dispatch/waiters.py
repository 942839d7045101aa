"""Who waits for which task."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.dispatch.slot import Slot
from shared.errors import RetryLater
from shared.results import RawResult

Answer = RawResult | RetryLater
"""What ends a wait: a result, or the reason why there will be none."""


class WaiterTable:
    """Task id to everybody in this process who waits for it."""

    def __init__(self) -> None:
        self._slots: dict[str, list[Slot[Answer]]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def waiting(self, task_id: str) -> Iterator[Slot[Answer]]:
        """A slot that gets the task's answer while the context lasts."""
        slot: Slot[Answer] = Slot()
        with self._lock:
            self._slots.setdefault(task_id, []).append(slot)
        try:
            yield slot
        finally:
            with self._lock:
                slots = self._slots[task_id]
                slots.remove(slot)
                if not slots:
                    del self._slots[task_id]

    def deliver(self, task_id: str, answer: Answer) -> None:
        """Wakes everybody who waits for the task; nobody is no error, they may have left."""
        with self._lock:
            slots = list(self._slots.get(task_id, ()))
        for slot in slots:
            slot.put(answer)

    def task_ids(self) -> list[str]:
        """What is waited for at this moment."""
        with self._lock:
            return list(self._slots)

    def __len__(self) -> int:
        """Number of tasks waited for."""
        return len(self._slots)
