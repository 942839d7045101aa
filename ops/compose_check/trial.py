"""The steps of the check, in order, each a line of the ledger."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ops.bench.dialects import PLAIN
from ops.bench.scenarios.identity import check_identity
from ops.bench.work import Work
from ops.compose_check.compose import Compose
from ops.compose_check.ledger import Entry, Ledger
from ops.compose_check.plan import allowed_statuses, read_compose, runbook_commands
from ops.compose_check.service import Service, Tasks
from ops.compose_check.traffic import Traffic
from ops.local.waiting import wait_until
from ops.watch.prometheus import Prometheus

Say = Callable[[str], None]

SCALE_RATE = 200.0
"""Requests a second while workers come and go: as much as one worker answers by itself."""
RESTART_RATE = 50.0
"""The same while a service is restarted."""
_SETTLED_SECONDS = 5.0
"""How long the load goes on with each number of workers."""
_NOTICED_SECONDS = 3.0
_READY_SECONDS = 120
_HEALTHY_SECONDS = 180
_STARTS = {"up", "restart"}
"""Commands after which the next one must wait, as whoever types them would."""


class Given(NamedTuple):
    """What the check works with."""

    compose: Compose
    service: Service
    prometheus: Prometheus
    url: str
    services: Sequence[str]
    work: Work
    rows_from: Path | None
    say: Say


class Trial:
    """Tries a stack. Its methods raise CommandFailed, QueryFailed, WaitedInVain or OSError."""

    def __init__(self, given: Given, ledger: Ledger) -> None:
        self._given = given
        self._ledger = ledger
        self._calls = given.work.calls(given.url, PLAIN)

    def run(self) -> None:
        """Every step, from building the images on."""
        self._build()
        self._start()
        self._answers("answers")
        self._load_image()
        self._scale()
        for name in self._given.services:
            self._restart(name)
        self._runbooks()
        self._answers("answers after all of it")

    def _build(self) -> None:
        began = self._begin("building the images")
        self._given.compose.build([*self._given.services, "load"])
        self._ledger.add(Entry("build", True, _since(began), ""))

    def _start(self) -> None:
        began = self._begin("starting the stack")
        self._given.compose.up(self._given.services)
        self._wait_for_workers(1)
        ready = _since(began)
        self._wait_healthy(self._given.services)
        seen = f"ready after {ready:.1f} s, all health checks pass"
        self._ledger.add(Entry("start", True, _since(began), seen))

    def _answers(self, step: str) -> None:
        began = self._begin(step)
        found = check_identity(self._given.url, self._given.work, self._given.rows_from)
        rows = len(self._given.work.rows)
        seen = f"{rows} rows: largest difference {found.difference!r} from {found.against}"
        self._ledger.add(Entry(step, found.difference == 0, _since(began), seen))

    def _load_image(self) -> None:
        began = self._begin("the load generator's image")
        self._given.compose.run("load", "--rate", "100", "--seconds", "5")
        seen = "500 requests from inside, no error"
        self._ledger.add(Entry("docker-compose run load", True, _since(began), seen))

    def _scale(self) -> None:
        began = self._begin("scaling workers 1 -> 3 -> 1 under load")
        with Traffic(self._given.url, self._calls, SCALE_RATE) as traffic:
            for copies in (3, 1):
                self._given.compose.scale("worker", copies)
                self._wait_for_workers(copies)
                self._wait_scraped(copies)
                time.sleep(_SETTLED_SECONDS)
        self._ledger.add(
            Entry(
                "workers 1 -> 3 -> 1",
                traffic.only({200}),
                _since(began),
                f"about {SCALE_RATE:.0f}/s, p99 {traffic.p99_ms:.0f} ms, {traffic.wrong} wrong",
                traffic.statuses,
                traffic.longest_silence,
            )
        )

    def _restart(self, name: str) -> None:
        self._begin(f"restarting {name}")
        tasks = Tasks(self._given.service, self._given.work.rows)
        with Traffic(self._given.url, self._calls, RESTART_RATE) as traffic, tasks:
            time.sleep(1.0)
            began = time.monotonic()
            self._given.compose.restart(name)
            # What was restarted may look ready until its old connections are seen to be gone.
            time.sleep(_NOTICED_SECONDS)
            self._wait_for_workers(1)
            back = _since(began)
            time.sleep(1.0)
        done, accepted = tasks.done(), len(tasks.accepted)
        self._wait_healthy([name])
        self._ledger.add(
            Entry(
                f"restart {name}",
                traffic.only(allowed_statuses(name)) and done == accepted,
                back,
                f"{traffic.wrong} wrong",
                traffic.statuses,
                traffic.longest_silence,
                f"{done} of {accepted}",
            )
        )

    def _runbooks(self) -> None:
        began = self._begin("the runbooks' commands")
        given = self._given
        tried = runbook_commands(read_compose(), given.services)
        for command in tried:
            given.compose.shell(command)
            if _STARTS & set(command.split()):
                self._wait_healthy(given.services)
        # They scale too, so any number of workers is right.
        wait_until(lambda: given.service.workers() > 0, _READY_SECONDS, "ready", every=0.2)
        seen = f"{len(tried)} commands, none failed"
        self._ledger.add(Entry("the runbooks' commands", True, _since(began), seen))

    def _begin(self, step: str) -> float:
        self._given.say(step)
        return time.monotonic()

    def _wait_for_workers(self, copies: int) -> None:
        service = self._given.service
        wait_until(
            lambda: service.workers() == copies,
            _READY_SECONDS,
            f"ready with {copies} workers",
            every=0.2,
        )

    def _wait_scraped(self, copies: int) -> None:
        """Waits until Prometheus has found them, where it takes part."""
        if "prometheus" not in self._given.services:
            return

        def found() -> bool:
            targets = self._given.prometheus.targets()
            return [one.health for one in targets if one.job == "worker"] == ["up"] * copies

        wait_until(found, _READY_SECONDS, f"Prometheus scrapes {copies} workers", every=0.5)

    def _wait_healthy(self, names: Sequence[str]) -> None:
        for name in names:
            wait_until(
                partial(self._healthy, name), _HEALTHY_SECONDS, f"{name} is healthy", every=1.0
            )

    def _healthy(self, name: str) -> bool:
        return self._given.compose.health(name) == {"healthy"}


def _since(moment: float) -> float:
    return time.monotonic() - moment
