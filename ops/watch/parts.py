"""The programs of a watched stack, and where each of them listens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ops.local import programs
from ops.local.programs import LOOPBACK, Program, RabbitPorts, free_port
from ops.local.servers import BROKER, RABBITMQ_API, REDIS, Started
from ops.local.stack import API_KEYS
from ops.watch import programs as watchers
from ops.watch.binaries import Binaries
from ops.watch.scraping import Targets

KEY = "a-key-of-a-watched-stack"
"""What its front door accepts."""

PASSWORD = "only-on-this-machine"  # noqa: S105 - its servers end with the stack
"""Of RabbitMQ (user regno), Redis and Flower."""


class Ports(NamedTuple):
    """The TCP ports of a stack, apart from RabbitMQ's and its workers'."""

    api: int
    redis: int
    queues: int
    redis_exporter: int
    flower: int
    prometheus: int


class Parts(NamedTuple):
    """Everything that a stack runs, in the order to start it."""

    ports: Ports
    broker_url: str
    redis_url: str
    environment: Mapping[str, str]
    """Settings that all its programs get."""
    servers: Sequence[Started]
    workers: Sequence[Program]
    """Each a program of its own, so that one can be stopped and another take its place."""
    api: Program
    watchers: Sequence[Program]
    targets: Targets


def plan(folder: Path, found: Binaries, workers: int) -> Parts:
    """A stack with its data in ``folder``.

    Writes the configuration of its servers; starts nothing.
    """
    ports = Ports(*(free_port() for _ in Ports._fields))
    rabbit = RabbitPorts(*(free_port() for _ in RabbitPorts._fields))
    worker_ports = [free_port() for _ in range(workers)]
    broker_url = programs.rabbitmq_url(rabbit.amqp, PASSWORD)
    redis_url = programs.redis_url(ports.redis, PASSWORD)
    management = programs.rabbitmq_api(rabbit.management or 0, PASSWORD)
    environment = {
        BROKER: broker_url,
        REDIS: redis_url,
        RABBITMQ_API: management,
        API_KEYS: KEY,
        programs.FLOWER_BROKER: broker_url,
        programs.FLOWER_BROKER_API: programs.flower_api(management),
    }
    return Parts(
        ports,
        broker_url,
        redis_url,
        environment,
        _servers(folder, found, ports, rabbit),
        [_worker(number, port) for number, port in enumerate(worker_ports, start=1)],
        programs.api({}, ports.api, folder / "metrics"),
        [
            programs.queues(ports.queues),
            programs.flower(ports.flower, PASSWORD),
            watchers.redis_exporter(found.redis_exporter, redis_url, ports.redis_exporter),
            watchers.prometheus(found.prometheus, folder / "prometheus", ports.prometheus),
        ],
        _targets(ports, rabbit, worker_ports),
    )


def _servers(folder: Path, found: Binaries, ports: Ports, rabbit: RabbitPorts) -> list[Started]:
    redis = programs.redis(found.redis, folder / "redis", ports.redis, PASSWORD)
    mapper, node = programs.rabbitmq(*found.rabbitmq, folder / "rabbitmq", rabbit, PASSWORD)
    return [Started(redis, ports.redis), Started(mapper, rabbit.epmd), Started(node, rabbit.amqp)]


def _worker(number: int, metrics_port: int) -> Program:
    program = programs.worker(programs.serving_metrics(metrics_port), 1)
    return program._replace(name=f"worker-{number}")


def _targets(ports: Ports, rabbit: RabbitPorts, workers: Sequence[int]) -> Targets:
    by_job: Mapping[str, Sequence[int | None]] = {
        "api": [ports.api],
        "worker": workers,
        "queues": [ports.queues],
        "rabbitmq": [rabbit.metrics],
        "redis": [ports.redis_exporter],
        "flower": [ports.flower],
        "prometheus": [ports.prometheus],
    }
    return {job: [f"{LOOPBACK}:{port}" for port in listed] for job, listed in by_job.items()}
