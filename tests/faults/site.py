"""The whole service on free ports, every part of which can be broken and mended."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from redis import Redis

from ops.local import programs
from shared.presence import present_workers
from tests.faults.door import Door
from tests.processes import Process, wait_until
from tests.servers import RabbitServer, RedisServer
from tests.stack import API_KEY, SHIPPED_MODEL

MORTAL = "tests.faults.mortal_worker"
"""The service's worker, that dies where a test wants it to."""


class Site:
    """RabbitMQ, Redis, front doors and workers. Use it as a context."""

    def __init__(
        self,
        folder: Path,
        *,
        broker_url: str | None = None,
        doors: int = 2,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """With a ``broker_url`` it has no RabbitMQ of its own."""
        self.folder = folder
        self.deaths = folder / "deaths"
        """Where a mortal worker looks whether it is to die."""
        self.deaths.mkdir(parents=True)
        self.redis_server = RedisServer(folder)
        self._rabbit = None if broker_url else RabbitServer(folder)
        self.environment = {
            "REGNO_BROKER_URL": broker_url or self.rabbit.url,
            "REGNO_REDIS_URL": self.redis_server.url,
            "REGNO_MODEL_URI": str(SHIPPED_MODEL),
            "REGNO_API_KEYS": API_KEY,
            "REGNO_TEST_DEATHS": str(self.deaths),
            **(settings or {}),
        }
        self.doors = [
            Door(f"api-{number}", self.environment, folder) for number in range(1, doors + 1)
        ]
        self.workers: list[Process] = []
        self._started = 0
        for _ in range(workers):
            self.add_worker()

    def __enter__(self) -> Self:
        self.wait_ready()
        return self

    @property
    def rabbit(self) -> RabbitServer:
        """Its own RabbitMQ."""
        assert self._rabbit, "this site's RabbitMQ is somebody else's"
        return self._rabbit

    def __exit__(self, *_: object) -> None:
        processes = [worker.stop for worker in self.workers]
        closing = [*(door.close for door in self.doors), *processes]
        with ThreadPoolExecutor(len(closing)) as pool:
            for done in [pool.submit(close) for close in closing]:
                done.result()
        self.redis_server.process.stop()
        if self._rabbit:
            self._rabbit.close()

    def add_worker(self, module: str = MORTAL, **environment: str) -> Process:
        """Starts one more worker, of a program of its own."""
        self._started += 1
        program = programs.worker({**self.environment, **environment}, 1)
        program = program._replace(command=(*program.command[:-1], module))
        worker = Process(program, self.folder, copy=self._started)
        self.workers.append(worker)
        return worker

    def replace_worker(self, old: Process) -> Process:
        """Starts another one in the place of one that has ended."""
        self.workers.remove(old)
        return self.add_worker()

    def replace_dead_workers(self) -> None:
        """Starts a worker for each that has ended."""
        for worker in [worker for worker in self.workers if not worker.running()]:
            self.replace_worker(worker)

    def doom_a_worker(self, where: str) -> None:
        """Has one worker, whichever comes first, die at this point; returns once it is dead.

        ``where`` is one of the mortal worker's.
        """
        order = self.deaths / where
        order.touch()
        wait_until(
            lambda: any(not worker.running() for worker in self.workers), 30, f"a death {where}"
        )

    def redis(self) -> Redis:
        """A client, to be closed by whoever asked for it."""
        return Redis.from_url(self.redis_server.url)

    def waiters(self) -> float:
        """Requests that wait for their answer, as the front doors count them."""
        return sum(door.metric("regno_waiters") for door in self.doors)

    def wait_for_workers(self) -> None:
        """Until every worker consumes."""
        with self.redis() as redis:
            wait_until(
                lambda: len(present_workers(redis)) == len(self.workers), 30, "workers consume"
            )

    def wait_ready(self) -> None:
        """Until every front door can serve."""
        for door in self.doors:
            door.wait_ready()
