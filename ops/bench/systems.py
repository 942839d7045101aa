"""The systems that are compared, each as programs on the same servers."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ops.local import programs
from ops.local.programs import LOOPBACK, Program, free_port
from ops.local.servers import BROKER, REDIS

KEY = "a-key-for-the-benchmark"


class System(NamedTuple):
    """A system under test. Its servers are counted with it where it uses them."""

    name: str
    url: str
    programs: list[Program]
    uses_servers: bool


def _gunicorn(name: str, target: str, port: int, environment: Mapping[str, str]) -> Program:
    command = (sys.executable, "-m", "gunicorn", "--bind", f"{LOOPBACK}:{port}", "--workers", "2")
    options = ("--worker-class", "gthread", "--threads", "32", "--keep-alive", "75", target)
    return Program(name, (*command, *options), environment, programs.API)


def regno(broker: str, redis: str, model: Path, folder: Path, workers: int) -> System:
    """The service that all of this is about."""
    port = free_port()
    settings = {
        BROKER: broker,
        REDIS: redis,
        "REGNO_API_KEYS": KEY,
        "REGNO_MODEL_URI": str(model),
    }
    return System(
        "regno",
        f"http://{LOOPBACK}:{port}",
        [programs.worker(settings, workers), programs.api(settings, port, folder / "metrics")],
        uses_servers=True,
    )


def flask_model(model: Path) -> System:
    """Flask with the model inside."""
    port = free_port()
    program = _gunicorn(
        "flask", "ops.bench.peers.flask_model:create()", port, {"REGNO_MODEL_URI": str(model)}
    )
    return System("flask", f"http://{LOOPBACK}:{port}", [program], uses_servers=False)


def naive_celery(broker: str, redis: str, model: Path) -> System:
    """Flask and Celery as one writes them first."""
    port = free_port()
    environment = {"REGNO_MODEL_URI": str(model), "NAIVE_BROKER": broker, "NAIVE_BACKEND": redis}
    target = "ops.bench.peers.naive_celery"
    worker = Program(
        "naive-worker",
        (sys.executable, "-m", "celery", "-A", target, "worker", "--concurrency", "2"),
        environment,
        programs.WORKER,
    )
    front = _gunicorn("naive", f"{target}:create()", port, environment)
    return System("naive", f"http://{LOOPBACK}:{port}", [worker, front], uses_servers=True)
