"""The local stack from first look to last stop."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ops.local import programs
from ops.local.banner import banner
from ops.local.probes import listening, port_taken, ready
from ops.local.programs import Program, free_port
from ops.local.restarts import Restarts
from ops.local.secrets_file import LocalSecrets, local_secrets
from ops.local.servers import BROKER, RABBITMQ_API, REDIS, Servers, choose_servers
from ops.local.supervise import Supervisor, check_socket_path
from ops.local.targets import Ports, addresses, write_targets
from ops.local.waiting import WaitedInVain, wait_until
from shared.cpus import half_of_cpus

API_KEYS = "REGNO_API_KEYS"
METRICS = "METRICS"
"""Set to have the queue exporter, and the metrics of the private RabbitMQ among the addresses."""

_READY_SECONDS = 120
_LAST_PORT = 65535


class Services(NamedTuple):
    """What runs on top of the servers, and where it is reached."""

    programs: list[Program]
    port: int
    flower_port: int
    api_key: str
    metrics: Ports


def say(text: str) -> None:
    """Tells the person at the terminal."""
    sys.stderr.write(f"regno: {text}\n")


def run_stack(environ: Mapping[str, str], folder: Path) -> None:
    """Starts everything, says how to use it, and stays until it is interrupted.

    ``folder`` holds data, logs and secrets. Whatever ends this, everything it started is
    stopped first. Raises WaitedInVain where the stack does not come up or falls over.
    """
    check_socket_path(folder)
    secrets = local_secrets(folder / "secrets.json", made_before=folder / "rabbitmq")
    port, workers = _number(environ, "PORT", 5000), _number(environ, "WORKERS", half_of_cpus())
    if port_taken(port):
        raise WaitedInVain(f"port {port} is taken; choose another: make run PORT={port + 1}")
    # Flower needs RabbitMQ's management API for its queues.
    servers = choose_servers(environ, folder, secrets.server_password, say, watched=True)
    keys = environ.get(API_KEYS) or secrets.api_key
    counted = bool(environ.get(METRICS) or environ.get(RABBITMQ_API))
    services = _services(
        keys, secrets, servers, folder, port=port, workers=workers, counted=counted
    )
    write_targets(folder / "targets", services.metrics)
    settings = {BROKER: servers.broker_url, REDIS: servers.redis_url, API_KEYS: keys}
    settings[programs.FLOWER_BROKER] = servers.broker_url
    if servers.rabbitmq_api is not None:
        settings[RABBITMQ_API] = servers.rabbitmq_api
        settings[programs.FLOWER_BROKER_API] = programs.flower_api(servers.rabbitmq_api)
    everything = [started.program for started in servers.to_start] + services.programs
    supervisor = Supervisor(everything, folder, {**environ, **settings})
    try:
        supervisor.launch()
        _start(supervisor, servers, services, folder)
        sys.stdout.write(
            banner(
                port=port,
                api_key=services.api_key,
                flower_port=services.flower_port,
                metrics=addresses(services.metrics),
                secrets=secrets,
                remarks=servers.remarks,
                folder=folder,
            )
        )
        sys.stdout.flush()
        restarts = Restarts(supervisor, time.monotonic, say)
        while supervisor.running():
            restarts.look()
            time.sleep(1)
        raise WaitedInVain(f"supervisor ended by itself; see {folder}/log/supervisor.log")
    finally:
        say("stopping")
        supervisor.stop()
        say("stopped; nothing is left running")


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= _LAST_PORT:
        raise WaitedInVain(f"{name} must be a number from 1 to {_LAST_PORT}, not {text!r}")
    return int(text)


def _services(
    keys: str,
    secrets: LocalSecrets,
    servers: Servers,
    folder: Path,
    *,
    port: int,
    workers: int,
    counted: bool,
) -> Services:
    """``counted``: the queue exporter runs too."""
    flower_port = free_port()
    metrics = {"api": [port], "worker": [free_port() for _ in range(workers)]}
    to_run = [
        *_workers(metrics["worker"]),
        programs.api({}, port, folder / "metrics"),
        programs.flower(flower_port, secrets.flower_password),
    ]
    if counted and servers.rabbitmq_api is not None:
        metrics["queues"] = [free_port()]
        to_run += map(programs.queues, metrics["queues"])
    if counted and servers.rabbitmq_metrics is not None:
        metrics["rabbitmq"] = [servers.rabbitmq_metrics]
    key = keys.split(",", maxsplit=1)[0].strip()
    return Services(to_run, port, flower_port, key, metrics)


def _workers(metrics_ports: Sequence[int]) -> Iterator[Program]:
    """A worker for each port, where it serves its metrics."""
    for number, port in enumerate(metrics_ports):
        program = programs.worker(programs.serving_metrics(port), 1)
        yield program._replace(name=f"worker-{number}") if len(metrics_ports) > 1 else program


def _start(supervisor: Supervisor, servers: Servers, services: Services, folder: Path) -> None:
    """Servers first, one after the other, then the rest; returns when requests are answered."""

    def still_possible() -> bool:
        return supervisor.running() and not supervisor.failed()

    try:
        for program, port in servers.to_start:
            say(f"starting {program.name}")
            supervisor.start(program)
            wait_until(partial(listening, port), _READY_SECONDS, program.name, still_possible)
        say("starting " + ", ".join(program.name for program in services.programs))
        for program in services.programs:
            supervisor.start(program)
        wait_until(partial(ready, services.port), _READY_SECONDS, "/readyz", still_possible)
    except WaitedInVain as error:
        failed = supervisor.failed() if supervisor.running() else []
        for name in failed:
            _show_log(folder / "log" / f"{name.replace('_', '-')}.log")
        blame = f"; these ended: {', '.join(failed)}" if failed else ""
        raise WaitedInVain(f"did not start: {error}{blame}; logs are in {folder}/log") from error


def _show_log(path: Path) -> None:
    if path.exists():
        lines = path.read_text(errors="replace").splitlines()[-15:]
        sys.stderr.write("\n".join([f"--- {path}", *lines, ""]))
