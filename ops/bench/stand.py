"""Where systems are tested: the servers, and on them one system at a time."""

import json
import urllib.request
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from ops.bench.cpu import Parts, family
from ops.bench.systems import System
from ops.local.probes import listening, ready
from ops.local.programs import Program
from ops.local.servers import Servers
from ops.local.supervise import Supervisor
from ops.local.waiting import wait_until

_READY_SECONDS = 90
_SERVER_PARTS = {"epmd": "rabbitmq"}
"""Servers that count as a part of another one."""


class Running(NamedTuple):
    """A system that can serve, and its processes."""

    system: System
    parts: Parts


class Stand:
    """Starts and stops systems, and says which processes each has."""

    def __init__(self, supervisor: Supervisor, servers: Servers) -> None:
        self._supervisor = supervisor
        self._servers = servers
        self._started: dict[str, Program] = {}

    def start_servers(self) -> None:
        """Starts RabbitMQ and Redis. Raises WaitedInVain."""
        self._supervisor.launch()
        for program, port in self._servers.to_start:
            self._supervisor.start(program)
            wait_until(partial(listening, port), _READY_SECONDS, program.name, self._possible)

    def use(self, system: System) -> Running:
        """The system, ready to serve. What of it runs already goes on; all other systems end.

        Raises WaitedInVain.
        """
        wanted = {program.name: program for program in system.programs}
        for name in reversed([name for name in self._started if name not in wanted]):
            self._supervisor.halt(self._started.pop(name))
        for name, program in wanted.items():
            if name not in self._started:
                self._started[name] = program
                self._supervisor.start(program)
        can_serve = partial(_can_serve, system)
        wait_until(can_serve, _READY_SECONDS, system.name, self._possible)
        return Running(system, self._parts(system))

    def close(self) -> None:
        """Stops everything."""
        self._supervisor.stop()

    def _parts(self, system: System) -> Parts:
        counted: dict[str, list[Program]] = {p: list(of) for p, of in system.parts.items()}
        if system.uses_servers:
            for program, _ in self._servers.to_start:
                counted.setdefault(_SERVER_PARTS.get(program.name, program.name), []).append(
                    program
                )
        return {
            part: family([pid for program in of for pid in self._supervisor.pids(program)])
            for part, of in counted.items()
        }

    def _possible(self) -> bool:
        return self._supervisor.running() and not self._supervisor.failed()


def _can_serve(system: System) -> bool:
    if not ready(system.port, system.ready_path):
        return False
    return not system.workers or _listed_workers(system) == system.workers


def _listed_workers(system: System) -> int:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(system.url + system.ready_path, timeout=5) as answer:
        listed: Mapping[str, list[object]] = json.load(answer)
    return len(listed["workers"])
