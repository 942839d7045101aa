"""The whole service on this machine with a Prometheus that scrapes every part of it."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from redis import Redis

from ops.local.probes import listening, ready
from ops.local.programs import LOOPBACK, Program
from ops.local.supervise import Supervisor
from ops.local.waiting import WaitedInVain, wait_until
from ops.watch.binaries import find_binaries
from ops.watch.parts import PASSWORD, plan
from ops.watch.programs import CONFIGURATION, DATA
from ops.watch.prometheus import Prometheus, QueryFailed
from ops.watch.scraping import write_configuration

REDIS_BYTES = 64 * 1024 * 1024
"""The memory that its Redis may use at first."""

_READY_SECONDS = 300
"""Of which it takes 30 on an idle machine."""


class WatchedStack:
    """Servers, front door, workers, exporters and Prometheus. Use as a context."""

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        spare: Callable[[Sequence[Program]], Iterable[Program]] = lambda _: (),
    ) -> None:
        """``folder`` gets data and logs.

        ``spare`` makes programs of the workers, that may be started in their place later on.
        Raises WaitedInVain where a server is not installed.
        """
        self._folder = folder.resolve()
        self._parts = plan(self._folder, find_binaries(), workers)
        self.workers = self._parts.workers
        self.spare = list(spare(self.workers))
        self.broker_url = self._parts.broker_url
        self.redis_url = self._parts.redis_url
        self.password = PASSWORD
        self.url = f"http://{LOOPBACK}:{self._parts.ports.api}"
        self.flower_url = f"http://{LOOPBACK}:{self._parts.ports.flower}"
        self.prometheus_data = self._folder / "prometheus" / DATA
        """What Prometheus remembers."""
        self.prometheus = Prometheus(f"http://{LOOPBACK}:{self._parts.ports.prometheus}")
        servers = [started.program for started in self._parts.servers]
        self._rest = [*self.workers, self._parts.api, *self._parts.watchers]
        self._supervisor = Supervisor(
            [*servers, *self._rest, *self.spare],
            self._folder,
            {**os.environ, **self._parts.environment},
        )

    def __enter__(self) -> Self:
        """Starts everything; returns once requests are answered and every target is scraped.

        Raises WaitedInVain.
        """
        write_configuration(self._folder / "prometheus" / CONFIGURATION, self._parts.targets)
        try:
            self._supervisor.launch()
            for program, port in self._parts.servers:
                self._supervisor.start(program)
                self._wait(partial(listening, port), program.name)
            with self.redis() as redis:
                redis.config_set("maxmemory", REDIS_BYTES)
            self.start(self._rest)
            self._wait(partial(ready, self._parts.ports.api), "/readyz")
            self._wait_scraped()
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    def start(self, programs: Iterable[Program]) -> None:
        """Starts programs, without waiting until they are of use."""
        for program in programs:
            self._supervisor.start(program)

    def halt(self, programs: Iterable[Program]) -> None:
        """Stops programs and waits until they are gone."""
        for program in programs:
            self._supervisor.halt(program)

    def redis(self) -> Redis:
        """A client of its Redis, to be closed by whoever asked for it."""
        return Redis.from_url(self.redis_url)

    @property
    def rabbitmq_environment(self) -> Mapping[str, str]:
        """With which RabbitMQ's own tools reach it."""
        return self._parts.servers[-1].program.environment

    def _wait_scraped(self) -> None:
        unscraped = ["prometheus"]

        def all_scraped() -> bool:
            try:
                targets = self.prometheus.targets()
            except QueryFailed:
                return False
            unscraped[:] = [f"{one.job} {one.problem}" for one in targets if one.health != "up"]
            return bool(targets) and not unscraped

        try:
            self._wait(all_scraped, "a scrape of every target")
        except WaitedInVain as error:
            raise WaitedInVain(f"{error}: {'; '.join(unscraped)}") from None

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        def possible() -> bool:
            return self._supervisor.running() and not self._supervisor.failed()

        wait_until(condition, _READY_SECONDS, what, possible)
