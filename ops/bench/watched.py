"""The service with everything that watches it, and the same with none of it."""

import sys
from typing import NamedTuple

from ops.bench.systems import FRONT, WORKER, Place, System, settings_of, url_of
from ops.local import programs
from ops.local.programs import LOOPBACK, WATCHER, Program, free_port
from ops.local.servers import RABBITMQ_API, Servers
from ops.local.waiting import WaitedInVain
from ops.watch import programs as watchers
from ops.watch.binaries import find_binaries
from ops.watch.programs import CONFIGURATION
from ops.watch.scraping import write_configuration
from shared.cpus import half_of_cpus
from shared.telemetry import OTLP_ENDPOINT

WATCHERS = "watchers"
"""The part that the programs are which only watch."""

SAMPLED = "0.01"
"""The share of requests that is traced."""

_PASSWORD = "only-for-the-benchmark"  # noqa: S105 - it ends with it


UNWATCHED, WITH_FLOWER, WATCHED = "unwatched", "with Flower", "watched"
"""The names of the three ways."""


class ThreeWays(NamedTuple):
    """One service in three ways."""

    unwatched: System
    with_flower: System
    watched: System


def watched_ways(place: Place, servers: Servers) -> ThreeWays:
    """All on the same RabbitMQ, which has its management API and metrics in all of them.

    Unwatched: errors are logged as plain text, and that is all. With Flower: the same, and Flower
    asks for tasks. Watched: Prometheus scrapes front door, workers, queues, RabbitMQ and Flower as
    it does in production; Flower asks for tasks; one request in a hundred is traced and exported;
    JSON logs.

    Raises WaitedInVain where Prometheus is not installed.
    """
    if servers.rabbitmq_api is None:
        raise WaitedInVain("RabbitMQ has no management API to watch its queues by")
    return ThreeWays(
        _system(place, UNWATCHED, _quiet(place), {}, []),
        _with_flower(place, servers.rabbitmq_api),
        _watched(place, servers, servers.rabbitmq_api),
    )


def _quiet(place: Place) -> dict[str, str]:
    return settings_of(place) | {"REGNO_LOG_LEVEL": "ERROR", "REGNO_LOG_FORMAT": "text"}


def _with_flower(place: Place, api: str) -> System:
    flower = _flower(place, api, free_port())._replace(name="flower-alone")
    return _system(place, WITH_FLOWER, _quiet(place), {}, [flower])


def _watched(place: Place, servers: Servers, api: str) -> System:
    flower, queues, prometheus, collector = (free_port() for _ in range(4))
    settings = settings_of(place) | {
        OTLP_ENDPOINT: f"http://{LOOPBACK}:{collector}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": SAMPLED,
    }
    worker_metrics = free_port()
    folder = place.folder / "prometheus"
    collect = (sys.executable, "-m", "ops.bench.collector", str(collector))
    watching = [
        Program("collector", collect, {}, WATCHER),
        _flower(place, api, flower),
        _with(programs.queues(queues), {RABBITMQ_API: api}),
        watchers.prometheus(find_binaries().prometheus, folder, prometheus),
    ]
    serving = programs.serving_metrics(worker_metrics)
    system = _system(place, WATCHED, settings, serving, watching)
    targets: dict[str, list[int | None]] = {
        "api": [system.port],
        "worker": [worker_metrics],
        "queues": [queues],
        "rabbitmq": [servers.rabbitmq_metrics],
        "flower": [flower],
    }
    listed = {job: [f"{LOOPBACK}:{port}" for port in ports] for job, ports in targets.items()}
    write_configuration(folder / CONFIGURATION, listed)
    return system


def _system(
    place: Place,
    name: str,
    settings: dict[str, str],
    of_worker: dict[str, str],
    watching: list[Program],
) -> System:
    port = free_port()
    worker = programs.worker(settings | of_worker, half_of_cpus())
    prefix = name.replace(" ", "-").lower()
    front = programs.api(settings, port, place.folder / f"metrics-{prefix}")
    parts = {
        WORKER: [worker._replace(name=f"{prefix}-worker")],
        FRONT: [front._replace(name=f"{prefix}-api")],
    }
    if watching:
        parts[WATCHERS] = watching
    return System(name, name, url_of(port), parts, uses_servers=True, workers=half_of_cpus())


def _flower(place: Place, api: str, port: int) -> Program:
    seen = {
        programs.FLOWER_BROKER: place.broker,
        programs.FLOWER_BROKER_API: programs.flower_api(api),
    }
    return _with(programs.flower(port, _PASSWORD), seen)


def _with(program: Program, environment: dict[str, str]) -> Program:
    return program._replace(environment={**program.environment, **environment})
