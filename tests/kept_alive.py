"""Workers that come back by themselves."""

import threading
from typing import Protocol, Self

from tests.processes import Process


class Staffed(Protocol):
    """Whatever has workers."""

    workers: list[Process]

    def replace_worker(self, old: Process) -> Process:
        """Starts another one in its place."""


class KeptAlive:
    """Starts a worker for each that has ended, as whatever runs workers does, and counts them."""

    def __init__(self, stack: Staffed) -> None:
        self.deaths = 0
        self._stack = stack
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            for worker in [worker for worker in self._stack.workers if not worker.running()]:
                self.deaths += 1
                self._stack.replace_worker(worker)
