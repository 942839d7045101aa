"""Who waits for which task."""

import threading

from api.dispatch.slot import Slot
from shared.errors import RetryLater
from shared.results import RawResult

Answer = RawResult | RetryLater
"""What ends a wait: a result, or the reason why there will be none."""


class WaiterTable:
    """Task id to everybody in this process who waits for it."""

    def __init__(self) -> None:
        self.waits = 0
        """How many wait at this moment."""
        self._slots: dict[str, list[Slot[Answer]]] = {}
        self._lock = threading.Lock()

    def waiting(self, task_id: str) -> "_Waiting":
        """A context whose value is a slot that gets the task's answer while it lasts."""
        return _Waiting(self, task_id)

    def add(self, task_id: str, slot: Slot[Answer]) -> None:
        """The slot waits for the task."""
        with self._lock:
            self.waits += 1
            self._slots.setdefault(task_id, []).append(slot)

    def remove(self, task_id: str, slot: Slot[Answer]) -> None:
        """The slot waits no more."""
        with self._lock:
            self.waits -= 1
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


class _Waiting:
    """A class: the hot path enters one a request, and a generator costs three times as much."""

    __slots__ = ("_slot", "_table", "_task_id")

    def __init__(self, table: WaiterTable, task_id: str) -> None:
        self._table = table
        self._task_id = task_id
        self._slot: Slot[Answer] = Slot()

    def __enter__(self) -> Slot[Answer]:
        self._table.add(self._task_id, self._slot)
        return self._slot

    def __exit__(self, *_: object) -> None:
        self._table.remove(self._task_id, self._slot)
