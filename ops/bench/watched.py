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


class Pair(NamedTuple):
    """One service in two ways."""

    unwatched: System
    watched: System


def watched_pair(place: Place, servers: Servers) -> Pair:
    """Both on the same RabbitMQ, which has its management API and metrics in both.

    Watched: Prometheus scrapes front door, workers, queues, RabbitMQ and Flower as it does in
    production; Flower asks for tasks; one request in a hundred is traced and exported; JSON logs.
    Unwatched: errors are logged as plain text, and that is all.

    Raises WaitedInVain where Prometheus is not installed.
    """
    return Pair(_unwatched(place), _watched(place, servers))


def _unwatched(place: Place) -> System:
    settings = settings_of(place) | {"REGNO_LOG_LEVEL": "ERROR", "REGNO_LOG_FORMAT": "text"}
    return _system(place, "unwatched", settings, {}, [])


def _watched(place: Place, servers: Servers) -> System:
    if servers.rabbitmq_api is None:
        raise WaitedInVain("RabbitMQ has no management API to watch its queues by")
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
        _with(programs.flower(flower, _PASSWORD), _seen_by_flower(place, servers.rabbitmq_api)),
        _with(programs.queues(queues), {RABBITMQ_API: servers.rabbitmq_api}),
        watchers.prometheus(find_binaries().prometheus, folder, prometheus),
    ]
    serving = programs.serving_metrics(worker_metrics)
    system = _system(place, "watched", settings, serving, watching)
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
    front = programs.api(settings, port, place.folder / f"metrics-{name}")
    parts = {
        WORKER: [worker._replace(name=f"{name}-worker")],
        FRONT: [front._replace(name=f"{name}-api")],
    }
    if watching:
        parts[WATCHERS] = watching
    return System(name, name, url_of(port), parts, uses_servers=True, workers=half_of_cpus())


def _seen_by_flower(place: Place, api: str) -> dict[str, str]:
    return {
        programs.FLOWER_BROKER: place.broker,
        programs.FLOWER_BROKER_API: programs.flower_api(api),
    }


def _with(program: Program, environment: dict[str, str]) -> Program:
    return program._replace(environment={**program.environment, **environment})
