"""One front door, as a load balancer sees it."""

import threading
from collections.abc import Mapping
from pathlib import Path

from ops.local import programs
from ops.local.probes import ready
from ops.local.programs import LOOPBACK, free_port
from tests.processes import Process, wait_until
from tests.stack import Client

CHECK_SECONDS = 0.2
"""How often the load balancer asks."""

READY_SECONDS = 60


class Door:
    """A front door that can be drained, ended and started again on its port."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.drain_file = folder / f"{name}-draining"
        self.ready = False
        """What it said last."""
        settings = {**environment, "REGNO_DRAIN_FILE": str(self.drain_file)}
        program = programs.api(settings, self.port, folder / f"{name}-metrics")
        self._program = program._replace(name=name)
        self._folder = folder
        self.process = Process(self._program, folder)
        self._stopping = threading.Event()
        self._checks = threading.Thread(target=self._check, name=f"checks {name}", daemon=True)
        self._checks.start()

    def start(self) -> None:
        """Starts it again."""
        self.process = Process(self._program, self._folder)

    def wait_ready(self) -> None:
        wait_until(lambda: self.ready, READY_SECONDS, f"{self.name} is ready")

    def metric(self, name: str) -> float:
        """The value of a metric that has no labels."""
        with Client(self.url) as client:
            return client.metric(name)

    def processes(self) -> list[int]:
        """Ids of the processes that serve, which gunicorn's first one watches over."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def close(self) -> None:
        self._stopping.set()
        self._checks.join()
        self.process.stop()

    def _check(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            self.ready = ready(self.port)
