"""``python -m ops.bench.cache``: what the cache costs and gives, by how many requests repeat.

Two front doors on one worker, one without a cache; load alternates between them.
"""

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ops.bench.__main__ import Bench
from ops.bench.cpu import Parts
from ops.bench.measure import measure
from ops.bench.systems import KEY, System
from ops.load.payloads import PATHS, bodies, requests, synthesised_rows
from ops.local import programs
from ops.local.programs import LOOPBACK, ROOT, free_port
from ops.local.servers import BROKER, REDIS, choose_servers
from ops.local.stack import say
from ops.local.supervise import Supervisor
from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import load_model

MODEL = ROOT / "models/shipped/regno.cbm"
CLIENTS = 32
HOT_ROWS = 10
_PER_SECOND = 3000
"""More requests than are answered in a second: a new row must stay new for the round."""


class Load(NamedTuple):
    """Requests to send to a front door, and what each answer must contain."""

    bodies: list[bytes]
    expected: list[bytes]


class Payloads:
    """Endless rows of which none is like another, and a few that come back."""

    def __init__(self) -> None:
        rows = synthesised_rows(1, 100)
        reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
        model = load_model(MODEL)
        contents = bodies(rows, 1)
        known = [msgspec.json.encode(model.predict(reader.read_json(body)[0])) for body in contents]
        self._hot = list(zip(contents, known, strict=True))[:HOT_ROWS]
        self._new = _never_twice(rows, known)

    def load(self, size: int, hot_of_ten: int) -> Load:
        """``size`` requests; of each ten, so many hold rows that come back."""
        pairs = [
            self._hot[n // 10 % HOT_ROWS] if n % 10 < hot_of_ten else next(self._new)
            for n in range(size)
        ]
        contents, expected = zip(*pairs, strict=True)
        return Load(list(contents), list(expected))


def _never_twice(rows: list[dict[str, Any]], known: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The model sees the hour, not the fraction of a second, so the answers are known."""
    for number in count():
        at = number % len(rows)
        moment = f"{rows[at]['time_check'][:19]}.{number:09}"
        [body] = bodies([rows[at] | {"time_check": moment}], 1)
        yield body, known[at]


def _systems(broker: str, redis: str, folder: Path) -> dict[str, System]:
    """Front doors without and with a cache; the worker is started with the first."""
    settings = {BROKER: broker, REDIS: redis, "REGNO_API_KEYS": KEY, "REGNO_MODEL_URI": str(MODEL)}
    worker = programs.worker(settings, 1)
    systems: dict[str, System] = {}
    for name, ttl in (("off", "0"), ("on", "60")):
        port = free_port()
        door = programs.api(settings | {"REGNO_CACHE_TTL": ttl}, port, folder / f"metrics-{name}")
        door = door._replace(name=f"api-{name}")
        started = [worker, door] if not systems else [door]
        systems[name] = System(name, f"http://{LOOPBACK}:{port}", started, uses_servers=True)
    return systems


def _line(name: str, figures: dict[str, Any]) -> str:
    latency, cpu = figures["latency_ms"], figures["cpu_ms_per_request"]
    return (
        f"{name:16} {figures['good_per_second']:7.1f}/s  p50 {latency['p50']:6.2f}  "
        f"p99 {latency['p99']:6.2f} ms  errors {figures['errors']}  cpu ms {cpu}\n"
    )


def _summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds; what was not answered, or wrongly, is added up."""
    cpu = [figures["cpu_ms_per_request"] for figures in rounds]
    failed = sum(f["requests"] - f["statuses"].get("200", 0) for f in rounds)
    return {
        "good_per_second": statistics.median(f["good_per_second"] for f in rounds),
        "p50_ms": statistics.median(f["latency_ms"]["p50"] for f in rounds),
        "p99_ms": statistics.median(f["latency_ms"]["p99"] for f in rounds),
        "cpu_ms": {part: round(statistics.median(c[part] for c in cpu), 3) for part in cpu[0]},
        "failed": failed,
        "wrong": sum(f["wrong"] for f in rounds) - failed,  # a failed one does not hold it either
        "rounds": [(f["good_per_second"], c["sum"]) for f, c in zip(rounds, cpu, strict=True)],
    }


def _measure(
    systems: dict[str, System], parts: dict[str, Parts], rounds: int, seconds: float
) -> dict[str, Any]:
    payloads = Payloads()
    cases = [("off", "off", 0), ("on, none repeat", "on", 0), ("on, 9 of 10", "on", 9)]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in cases}
    for number in range(rounds + 1):
        cases.append(cases.pop(0))  # nobody is always first
        for name, door, hot in cases:
            load = payloads.load(int(_PER_SECOND * seconds), hot)
            url = systems[door].url
            ready_made = requests(url, PATHS["sync"], KEY, load.bodies)
            figures = measure(
                url, ready_made, load.expected, parts[door], seconds=seconds, clients=CLIENTS
            )
            if number:  # the first round warms everything up
                results[name].append(figures)
                sys.stderr.write(_line(name, figures))
    return {name: _summary(figures) for name, figures in results.items()}


def main() -> int:
    """Runs the measurement; 1 where an answer was wrong."""
    parser = argparse.ArgumentParser("python -m ops.bench.cache", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each round of each case")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="regno-bench-") as name:
        folder = Path(name)
        servers = choose_servers({}, folder, secrets.token_hex(8), say)
        systems = _systems(servers.broker_url, servers.redis_url, folder)
        everything = [started.program for started in servers.to_start]
        everything += [program for system in systems.values() for program in system.programs]
        supervisor = Supervisor(everything, folder, os.environ)
        try:
            supervisor.launch()
            bench = Bench(supervisor, servers)
            bench.start_servers()
            started = {name: dict(bench.start(system)) for name, system in systems.items()}
            worker = {"worker": started["off"]["worker"]}
            parts: dict[str, Parts] = {name: worker | pids for name, pids in started.items()}
            results = _measure(systems, parts, arguments.rounds, arguments.seconds)
        finally:
            supervisor.stop()
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return int(any(figures["wrong"] for figures in results.values()))


if __name__ == "__main__":
    sys.exit(main())
