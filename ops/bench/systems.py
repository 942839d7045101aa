"""The systems that are measured, each as programs on the same servers."""

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ops.bench.dialects import BENTO, OPEN_INFERENCE, PLAIN, Dialect
from ops.bench.work import KEY
from ops.local import programs
from ops.local.programs import LOOPBACK, ROOT, Program, free_port
from ops.local.servers import BROKER, REDIS
from shared.cpus import half_of_cpus

PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
"""Where ``make bench-peers`` installs what must not meet the service's own pins."""

FRONT, WORKER = "front door", "worker"
"""Parts of a system; a system in one process is all front door."""

_RESULT_TTL = "600"
"""Seconds. Long enough for the overload scenario to count all results it caused."""


class System(NamedTuple):
    """A system under test. Its servers are counted with it where it uses them."""

    name: str
    about: str
    url: str
    parts: Mapping[str, Sequence[Program]]
    uses_servers: bool
    dialect: Dialect = PLAIN
    ready_path: str = "/readyz"
    workers: int = 0
    """How many workers ``/readyz`` must list before it is ready; 0 where it lists none."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rsplit(":", 1)[1])

    @property
    def programs(self) -> list[Program]:
        """Its programs, in the order to start them."""
        return [program for of in self.parts.values() for program in of]


class Place(NamedTuple):
    """What every system is made for."""

    broker: str
    redis: str
    model: Path
    folder: Path


def url_of(port: int) -> str:
    """Where a system listens."""
    return f"http://{LOOPBACK}:{port}"


def _gunicorn(
    name: str, target: str, port: int, environment: Mapping[str, str], threads: int
) -> Program:
    command = (sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{port}", "--workers", "2")
    options = ("--worker-class", "gthread", "--threads", str(threads), "--keep-alive", "75", target)
    return Program(name, (*command, *options), environment, programs.API)


def settings_of(place: Place) -> dict[str, str]:
    """What the service is always told here."""
    return {
        BROKER: place.broker,
        REDIS: place.redis,
        "REGNO_API_KEYS": KEY,
        "REGNO_MODEL_URI": str(place.model),
        "REGNO_SYNC_RESULT_TTL": _RESULT_TTL,
    }


def regno(place: Place) -> System:
    """The service that all of this is about, with as many processes as it takes by default."""
    port = free_port()
    settings = settings_of(place)
    workers = half_of_cpus()
    parts = {
        WORKER: [programs.worker(settings, workers)],
        FRONT: [programs.api(settings, port, place.folder / "metrics")],
    }
    about = "this service"
    return System("regno", about, url_of(port), parts, uses_servers=True, workers=workers)


class Variant(NamedTuple):
    """The service run in another way: what the sweep compares."""

    name: str
    workers: int
    environment: Mapping[str, str]
    """Settings that differ from the defaults."""


def _variants() -> list[Variant]:
    def processes(count: int) -> dict[str, str]:
        return {"API_PROCESSES": str(count)}

    def rows(count: int) -> dict[str, str]:
        return {"REGNO_BATCH_ROWS": str(count)}

    def wait(seconds: float) -> dict[str, str]:
        return {"REGNO_BATCH_WAIT": str(seconds)}

    def worker_class(name: str) -> dict[str, str]:
        return {"GUNICORN_CMD_ARGS": f"--worker-class {name} --threads 64"}

    return [
        Variant("defaults", 1, {}),
        Variant("gunicorn's gevent", 1, worker_class("gevent")),
        Variant("gunicorn's gthread", 1, worker_class("gthread")),
        Variant("2 workers", 2, {}),
        Variant("2 processes", 1, processes(2)),
        Variant("2 processes, 2 workers", 2, processes(2)),
        *(Variant(f"batches of {count}", 1, rows(count)) for count in (8, 16, 32, 64, 256)),
        *(Variant(f"wait {ms:g} ms", 1, wait(ms / 1000)) for ms in (0, 1, 4)),
    ]


def variants(place: Place) -> dict[str, System]:
    """The service in each way the sweep compares."""
    systems = {}
    for number, (name, workers, environment) in enumerate(_variants()):
        port = free_port()
        settings = {**settings_of(place), **environment}
        worker = programs.worker(settings, workers)._replace(name=f"sweep-worker-{number}")
        front = programs.api(settings, port, place.folder / f"metrics-sweep-{number}")
        parts = {WORKER: [worker], FRONT: [front._replace(name=f"sweep-api-{number}")]}
        system = System(f"sweep-{number}", name, url_of(port), parts, True, workers=workers)
        systems[name] = system
    return systems


def cached(place: Place, service: System) -> System:
    """Another front door to the service's worker, one with a cache of identical requests."""
    port = free_port()
    settings = settings_of(place) | {"REGNO_CACHE_TTL": "60"}
    front = programs.api(settings, port, place.folder / "metrics-cached")
    parts = {WORKER: service.parts[WORKER], FRONT: [front._replace(name="cached-api")]}
    about = "this service, with a cache"
    return System("cached", about, url_of(port), parts, uses_servers=True, workers=service.workers)


def waiting(place: Place, counts: Sequence[int]) -> dict[int, System]:
    """The service with workers whose model waits: a system for each number of workers.

    A batch is one row and takes 20 ms. ``counts`` rise; each system holds the programs of the
    one before it, so that nothing is started twice.
    """
    port = free_port()
    # Two messages ahead: one in the model and one at hand. More would let a worker sit on
    # messages while another has none, and the scenario would measure luck.
    settings = settings_of(place) | {"REGNO_BATCH_ROWS": "1", "REGNO_PREFETCH": "2"}
    command = (sys.executable, "-m", "ops.bench.peers.waiting_worker")
    front = programs.api(settings, port, place.folder / "metrics-waiting")
    front = front._replace(name="waiting-api")
    workers: list[Program] = []
    systems = {}
    for before, count in pairwise((0, *counts)):
        name = f"waiting-worker-{count}"
        workers.append(Program(name, command, settings, programs.WORKER, count - before))
        about = f"this service, {count} workers that only wait"
        parts = {WORKER: tuple(workers), FRONT: (front,)}
        systems[count] = System(
            f"waiting-{count}", about, url_of(port), parts, uses_servers=True, workers=count
        )
    return systems


def flask(place: Place) -> System:
    """Flask with the model inside."""
    port = free_port()
    program = _gunicorn(
        "flask",
        "ops.bench.peers.flask_model:create()",
        port,
        {"REGNO_MODEL_URI": str(place.model)},
        threads=8,  # the best of 2, 8 and 32, and as good as gevent: nothing in it waits
    )
    about = "Flask, gunicorn gthread, model inside, no queue"
    return System("flask", about, url_of(port), {FRONT: [program]}, uses_servers=False)


def naive(place: Place) -> System:
    """Flask and Celery as one writes them first."""
    port = free_port()
    environment = {
        "REGNO_MODEL_URI": str(place.model),
        "NAIVE_BROKER": place.broker,
        "NAIVE_BACKEND": place.redis.removesuffix("/0") + "/1",
    }
    target = "ops.bench.peers.naive_celery"
    worker = Program(
        "naive-worker",
        (sys.executable, "-m", "celery", "-A", target, "worker", "--concurrency", "2"),
        environment,
        programs.WORKER,
    )
    parts = {
        WORKER: [worker],
        FRONT: [_gunicorn("naive", f"{target}:create()", port, environment, 32)],
    }
    about = "Flask, `delay().get()`, Celery prefork"
    return System("naive", about, url_of(port), parts, uses_servers=True)


def mlserver(place: Place) -> System:
    """MLServer with adaptive batching."""
    port = free_port()
    command = (str(PEERS_PYTHON), "-m", "ops.bench.peers.mlserver_model")
    environment = {
        "REGNO_MODEL_URI": str(place.model),
        "PEER_PORT": str(port),
        "PEER_FOLDER": str(place.folder / "mlserver"),
    }
    program = Program("mlserver", command, environment, programs.API)
    about = "MLServer, adaptive batching"
    parts = {FRONT: [program]}
    ready = "/v2/models/regno/ready"
    return System("mlserver", about, url_of(port), parts, False, OPEN_INFERENCE, ready)


def bentoml(place: Place) -> System:
    """BentoML with adaptive batching."""
    port = free_port()
    command = (str(PEERS_PYTHON), "-m", "bentoml", "serve", "ops.bench.peers.bentoml_model:Regno")
    options = ("--host", LOOPBACK, "--port", str(port), "--working-dir", str(ROOT))
    environment = {
        "REGNO_MODEL_URI": str(place.model),
        "BENTOML_HOME": str(place.folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    program = Program("bentoml", (*command, *options), environment, programs.API)
    about = "BentoML, adaptive batching"
    return System(
        "bentoml", about, url_of(port), {FRONT: [program]}, uses_servers=False, dialect=BENTO
    )


def peers(place: Place) -> list[System]:
    """What can be compared here."""
    optional = [mlserver(place), bentoml(place)] if PEERS_PYTHON.exists() else []
    return [flask(place), naive(place), *optional]


OPTIONAL = ("mlserver", "bentoml")
"""Peers that are printed as absent where ``make bench-peers`` has not installed them."""
