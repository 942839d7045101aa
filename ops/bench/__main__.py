"""``python -m ops.bench``: the service and its peers, alternating, on the same servers."""

import argparse
import json
import os
import secrets
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ops.bench.cpu import Parts
from ops.bench.measure import measure
from ops.bench.systems import KEY, System, flask_model, naive_celery, regno
from ops.load.payloads import PATHS, bodies, requests, rows_from_csv, synthesised_rows
from ops.local.probes import listening, ready
from ops.local.programs import ROOT, Program
from ops.local.servers import Servers, choose_servers
from ops.local.stack import say
from ops.local.supervise import Supervisor
from ops.local.waiting import wait_until
from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import load_model

_READY_SECONDS = 60
_WARM_UP_SECONDS = 2.0


class Bench:
    """A supervisor with the servers running and the systems ready to be started."""

    def __init__(self, supervisor: Supervisor, servers: Servers) -> None:
        self._supervisor = supervisor
        self._servers = servers

    def start_servers(self) -> None:
        """Starts RabbitMQ and Redis."""
        for program, port in self._servers.to_start:
            self._supervisor.start(program)
            wait_until(partial(listening, port), _READY_SECONDS, program.name)

    def start(self, system: System) -> Parts:
        """Starts a system and waits until it can serve; its processes by part."""
        for program in system.programs:
            self._supervisor.start(program)
        port = int(system.url.rsplit(":", 1)[1])
        wait_until(partial(ready, port), _READY_SECONDS, system.name)
        counted: list[Program] = list(system.programs)
        if system.uses_servers:
            counted += [started.program for started in self._servers.to_start]
        return {program.name: self._supervisor.pids(program) for program in counted}

    def stop(self, system: System) -> None:
        """Stops a system."""
        for program in system.programs:
            self._supervisor.halt(program)


def _expected(contents: list[bytes], model_path: Path) -> list[bytes]:
    """What each request's answer must contain: predictions made here, one request at a time."""
    reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
    model = load_model(model_path)
    return [msgspec.json.encode(model.predict(reader.read_json(body)[0])) for body in contents]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m ops.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--model", type=Path, default=ROOT / "models/shipped/regno.cbm")
    parser.add_argument("--csv", type=Path, help="rows to send; synthesised ones without it")
    parser.add_argument("--only", nargs="*", help="names of the systems to measure")
    parser.add_argument("--workers", type=int, default=1, help="workers of the service")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def median_of(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The round with the median throughput stands for all; errors are added up."""
    ordered = sorted(rounds, key=lambda figures: figures["good_per_second"])
    middle = ordered[(len(ordered) - 1) // 2]
    rates = [figures["good_per_second"] for figures in rounds]
    return middle | {
        "errors": sum(figures["errors"] for figures in rounds),
        "wrong": sum(figures["wrong"] for figures in rounds),
        "rounds": rates,
    }


def _line(name: str, clients: int, figures: dict[str, Any]) -> str:
    latency = figures["latency_ms"]
    return (
        f"{name:8} {clients:3} clients {figures['good_per_second']:8.1f}/s  "
        f"p50 {latency['p50']:7.2f}  p99 {latency['p99']:7.2f}  p99.9 {latency['p99.9']:7.2f} ms  "
        f"errors {figures['errors']:4}  cpu ms {figures['cpu_ms_per_request']}\n"
    )


def main() -> int:
    """Runs the benchmark; 1 where an answer was wrong."""
    arguments = _arguments()
    rows = rows_from_csv(arguments.csv) if arguments.csv else synthesised_rows(1, 100)
    contents = bodies(rows, 1)
    expected = _expected(contents, arguments.model)
    rounds, seconds = (1, 4.0) if arguments.quick else (3, 10.0)
    results: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="regno-bench-") as name:
        folder = Path(name)
        servers = choose_servers({}, folder, secrets.token_hex(8), say)
        broker, redis = servers.broker_url, servers.redis_url
        systems = [
            regno(broker, redis, arguments.model, folder, arguments.workers),
            flask_model(arguments.model),
            naive_celery(broker, redis.removesuffix("/0") + "/1", arguments.model),
        ]
        if arguments.only:
            systems = [system for system in systems if system.name in arguments.only]
        everything = [started.program for started in servers.to_start]
        everything += [program for system in systems for program in system.programs]
        supervisor = Supervisor(everything, folder, os.environ)
        try:
            supervisor.launch()
            bench = Bench(supervisor, servers)
            bench.start_servers()
            for _ in range(rounds):
                for system in systems:
                    parts = bench.start(system)
                    ready_made = requests(system.url, PATHS["sync"], KEY, contents)
                    run = partial(measure, system.url, ready_made, expected, parts)
                    run(seconds=_WARM_UP_SECONDS, clients=32)
                    for clients in (32, 64):
                        figures = run(seconds=seconds, clients=clients)
                        results.setdefault(f"{system.name} {clients}", []).append(figures)
                        sys.stderr.write(_line(system.name, clients, figures))
                    bench.stop(system)
        finally:
            supervisor.stop()
    medians = {name: median_of(figures) for name, figures in results.items()}
    text = json.dumps(medians, indent=2)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return int(any(figures["wrong"] for figures in medians.values()))


if __name__ == "__main__":
    sys.exit(main())
