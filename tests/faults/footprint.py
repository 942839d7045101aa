"""What the service takes up: memory, open files, keys, channels, queues, series of metrics."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from shared.results import KEY_PREFIX
from tests.faults.site import Site
from tests.stack import Client

RESULTS, REST = "of results", "of the rest"
IDEMPOTENCY = "of idempotency"
"""One for each accepted task, kept for a day, as callers are promised."""

RESULT_KEYS, REST_KEYS = f"Redis: keys {RESULTS}", f"Redis: keys {REST}"
REDIS_MEMORY = "Redis: memory MiB"

_MEBIBYTE = 1 << 20

Footprint = Mapping[str, float]
"""Name of what was counted to the count."""


def memory(site: Site) -> dict[str, float]:
    """Resident memory in MiB, of the median process of each kind."""
    return {
        f"{kind}: memory MiB": median(map(_resident, pids)) for kind, pids in _pids(site).items()
    }


def open_files(site: Site) -> dict[str, float]:
    """Open files, of the median process of each kind. Connections of clients are some of them."""
    return {
        f"{kind}: open files": median(map(_open_files, pids)) for kind, pids in _pids(site).items()
    }


def keys(site: Site) -> dict[str, float]:
    """Keys in Redis by kind."""
    with site.redis() as redis:
        kinds = Counter(_kind(key.decode()) for key in redis.scan_iter(count=1000))
    return {f"Redis: keys {kind}": float(kinds[kind]) for kind in (RESULTS, IDEMPOTENCY, REST)}


def broker_objects(site: Site) -> dict[str, float]:
    """Connections, channels and queues in RabbitMQ."""
    return {
        f"RabbitMQ: {what}": float(len(site.rabbit.ctl(f"list_{what}", column).splitlines()) - 1)
        for what, column in (("connections", "pid"), ("channels", "pid"), ("queues", "name"))
    }


def series(site: Site) -> dict[str, float]:
    """Series of metrics of the front door that has most."""
    return {"front door: series": max(_series(door.url) for door in site.doors)}


def _series(url: str) -> float:
    with Client(url) as client:
        lines = client.get("/metrics").text.splitlines()
    return float(sum(not line.startswith("#") for line in lines))


def _kind(key: str) -> str:
    if key.startswith(KEY_PREFIX):
        return RESULTS
    return IDEMPOTENCY if key.startswith("regno:idempotency:") else REST


def _pids(site: Site) -> dict[str, list[int]]:
    return {
        "front door": [pid for door in site.doors for pid in door.processes()],
        "worker": [worker.pid for worker in site.workers],
        "Redis": [site.redis_server.process.pid],
    }


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / _MEBIBYTE


def _open_files(pid: int) -> float:
    return float(len(list(Path(f"/proc/{pid}/fd").iterdir())))
