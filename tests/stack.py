"""The whole service for a test: gunicorn and workers on real servers."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter

from ops.local import programs
from ops.local.programs import LOOPBACK, ROOT, free_port
from tests.processes import Process, wait_until

API_KEY = "a-key-that-only-tests-use"
SHIPPED_MODEL = ROOT / "models/shipped/regno.cbm"


class Client(requests.Session):
    """HTTP to one front door, with its key."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.headers["x-api-key"] = API_KEY

    def request(self, method: str, url: str, **options: object) -> requests.Response:  # type: ignore[override]
        """``url`` is the path on the front door."""
        options.setdefault("timeout", 40)
        return super().request(method, self.url + url, **options)  # type: ignore[arg-type]

    def metric(self, name: str) -> float:
        """The value of a metric that has no labels."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise AssertionError(f"/metrics has no {name}")

    def close(self) -> None:
        """Hangs up at once; a session by itself leaves that to the garbage collector."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                pools = adapter.poolmanager.pools
                for key in pools.keys():  # noqa: SIM118 - it refuses to be iterated
                    pools[key].close()
        super().close()


class Stack:
    """A front door and its workers. Close it to end them."""

    def __init__(
        self,
        broker_url: str,
        redis_url: str,
        folder: Path,
        *,
        model: Path = SHIPPED_MODEL,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        api: str | None = None,
        worker: str = "worker",
    ) -> None:
        """``api`` and ``worker`` name the modules of a front door and a worker made for a test."""
        self.environment = {
            "REGNO_BROKER_URL": broker_url,
            "REGNO_REDIS_URL": redis_url,
            "REGNO_MODEL_URI": str(model),
            "REGNO_API_KEYS": API_KEY,
            **(settings or {}),
        }
        self._folder = folder
        self._worker = worker
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self.client = Client(self.url)
        self.workers: list[Process] = []
        self._copies = 0
        door = programs.api(self.environment, port, folder / "metrics")
        if api is not None:
            door = door._replace(command=(*door.command, f"{api}:create()"))
        self.api = Process(door, folder)
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> Process:
        program = programs.worker(self.environment, 1)
        program = program._replace(command=(*program.command[:-1], self._worker))
        self._copies += 1
        worker = Process(program, self._folder, copy=self._copies)
        self.workers.append(worker)
        return worker

    def replace_worker(self, old: Process) -> Process:
        """Ends one worker, however it is, and starts another in its place."""
        old.kill()
        self.workers.remove(old)
        return self.add_worker()

    def readiness(self) -> requests.Response | None:
        """What ``/readyz`` says; None while nothing listens."""
        try:
            return self.client.get("/readyz")
        except requests.ConnectionError:
            return None

    def wait_ready(self, seconds: float = 30) -> None:
        """Returns when each worker that runs consumes; one that was killed is named for a while."""

        def ready() -> bool:
            answer = self.readiness()
            if answer is None or answer.json()["status"] != "ready":
                return False
            named = {worker["name"].partition("@")[0] for worker in answer.json()["workers"]}
            return named >= {f"regno-{w.pid}" for w in self.workers if w.running()}

        try:
            wait_until(ready, seconds, "the stack is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None

    def story(self) -> str:
        """Of each process whether it runs, and the end of its log."""
        return "\n".join(
            f"{process.log.name}, pid {process.pid}, "
            f"{'runs' if process.running() else 'has ended'}:\n{process.tail()}"
            for process in (self.api, *self.workers)
        )

    def close(self) -> None:
        self.client.close()
        processes = [self.api, *self.workers]
        # Side by side, so that one that does not stop leaves none of the others behind.
        with ThreadPoolExecutor(len(processes)) as pool:
            list(pool.map(Process.stop, processes))
