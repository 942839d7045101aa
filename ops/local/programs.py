"""The programs of a local stack: what to run, with which settings, in which order to stop.

Only descriptions: ``ops.local.supervise`` and the tests start them. Servers listen on the
loopback address alone, on free ports, with a password made for this folder.
"""

import random
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_PORTS = (10_000, 32_768)
"""Above them begin the ports of outgoing connections: net.ipv4.ip_local_port_range."""

ROOT = Path(__file__).resolve().parents[2]

FLOWER_BROKER = "CELERY_BROKER_URL"
"""Where Flower, a command of Celery's, looks for its broker."""

FLOWER_BROKER_API = "FLOWER_BROKER_API"
"""Where Flower looks for RabbitMQ's management API, by which it shows the queues."""

FLOWER_LIMITS = {"FLOWER_MAX_TASKS": "1000", "FLOWER_PURGE_OFFLINE_WORKERS": "60"}
"""What bounds Flower's memory: tasks, and seconds after which it forgets a worker that is gone."""

SERVER, WORKER, API, WATCHER = 100, 200, 300, 400
"""Start order. Stopping goes the other way: the front door first, the servers last."""


class Program(NamedTuple):
    """A process to run. ``environment`` is added to that of the starter."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    priority: int
    copies: int = 1
    stop_seconds: int = 20


def free_port() -> int:
    """A TCP port that nobody listens on, and that no process of this project was given before.

    What is to listen on it may do so in a few seconds, or again after a fault. Until this process
    ends it holds the UDP port of the same number, and so no other is given the TCP port. None of
    those that Linux gives to outgoing connections, which might take it meanwhile.
    """
    while True:
        port = random.randrange(*_PORTS)  # noqa: S311 - no secret
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind((LOOPBACK, port))
            with socket.socket() as probe:
                probe.bind((LOOPBACK, port))
        except OSError:
            mark.close()
            continue
        mark.detach()  # open until this process ends
        return port


def _write(path: Path, text: str) -> Path:
    """Writes a file that only its owner can read: it may hold a password."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def redis(binary: str, folder: Path, port: int, password: str) -> Program:
    """A private Redis. Its data outlive it in ``folder``: results must survive a restart."""
    folder.mkdir(parents=True, exist_ok=True)
    config = _write(
        folder / "redis.conf",
        f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\ndir "{folder}"\n'
        'save ""\nappendonly yes\nmaxmemory-policy noeviction\ndaemonize no\n',
    )
    return Program("redis", (binary, str(config)), {}, SERVER)


def redis_url(port: int, password: str, database: int = 0) -> str:
    """The URL of a private Redis."""
    return f"redis://:{password}@{LOOPBACK}:{port}/{database}"


class RabbitPorts(NamedTuple):
    """The TCP ports of one private RabbitMQ node."""

    amqp: int
    distribution: int
    epmd: int
    management: int | None = None
    """Of the management API; None leaves it and the metrics out: they slow the start."""
    metrics: int | None = None


def rabbitmq(
    binary: str, epmd: str, folder: Path, ports: RabbitPorts, password: str
) -> list[Program]:
    """A private RabbitMQ node and the Erlang port mapper it needs.

    The mapper is a program of its own: started by RabbitMQ it would stay behind for ever.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = _write(
        folder / "rabbitmq.conf",
        f"listeners.tcp.1 = {LOOPBACK}:{ports.amqp}\n"
        f"default_user = regno\ndefault_pass = {password}\n"
        "default_user_tags.administrator = true\n"
        "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        # A development machine is shared: alarm on what this node uses, not on a full disk.
        "disk_free_limit.absolute = 50MB\n" + (_watching(ports) if ports.management else ""),
    )
    enabled = "rabbitmq_management,rabbitmq_prometheus" if ports.management else ""
    plugins = _write(folder / "enabled_plugins", f"[{enabled}].\n")
    mapper = {"ERL_EPMD_PORT": str(ports.epmd), "ERL_EPMD_ADDRESS": LOOPBACK}
    environment = {
        **mapper,
        "HOME": str(folder),  # the Erlang cookie lies there
        "RABBITMQ_NODENAME": "regno@localhost",  # known to its own port mapper only
        "RABBITMQ_NODE_PORT": str(ports.amqp),
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    return [
        Program("epmd", (epmd, "-port", str(ports.epmd)), mapper, SERVER - 1),
        Program("rabbitmq", (binary,), environment, SERVER),
    ]


def _watching(ports: RabbitPorts) -> str:
    """What the plugins that watch a node are told; by default figures are up to 5 s old."""
    return (
        f"management.tcp.ip = {LOOPBACK}\nmanagement.tcp.port = {ports.management}\n"
        f"prometheus.tcp.ip = {LOOPBACK}\nprometheus.tcp.port = {ports.metrics}\n"
        "collect_statistics_interval = 1000\n"
    )


def rabbitmq_url(port: int, password: str) -> str:
    """The URL of a private RabbitMQ."""
    return f"amqp://regno:{password}@{LOOPBACK}:{port}//"


def rabbitmq_api(port: int, password: str) -> str:
    """The URL of a private RabbitMQ's management API."""
    return f"http://regno:{password}@{LOOPBACK}:{port}"


def flower_api(rabbitmq_api_url: str) -> str:
    """The same API as Flower wants it."""
    return f"{rabbitmq_api_url}/api/"


def worker(environment: Mapping[str, str], copies: int) -> Program:
    """``copies`` worker processes."""
    return Program("worker", (sys.executable, "-m", "worker"), environment, WORKER, copies)


def serving_metrics(port: int) -> dict[str, str]:
    """Settings with which a worker or the exporter serves its metrics on a port."""
    return {"REGNO_METRICS_HOST": LOOPBACK, "REGNO_METRICS_PORT": str(port)}


def api(environment: Mapping[str, str], port: int, metrics_folder: Path) -> Program:
    """The front door on ``port`` of the loopback address."""
    command = (sys.executable, "-m", "gunicorn", "--config", "api/gunicorn.conf.py")
    # HOST is said, because Conda exports one that is no address.
    settings = {
        "HOST": LOOPBACK,
        "PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder),
    }
    return Program("api", command, {**environment, **settings}, API, stop_seconds=40)


def queues(port: int) -> Program:
    """The queue exporter on ``port``; RabbitMQ's API comes from REGNO_RABBITMQ_API."""
    environment = serving_metrics(port)
    return Program("queues", (sys.executable, "-m", "ops.queues"), environment, WATCHER)


def flower(port: int, password: str) -> Program:
    """Flower on ``port``, behind the login ``regno``.

    The broker comes from FLOWER_BROKER in the environment, its API from FLOWER_BROKER_API.
    """
    command = (sys.executable, "-m", "celery", "flower")
    environment = {
        "CELERY_CONFIG_MODULE": "ops.flower.celeryconfig",
        "FLOWER_ADDRESS": LOOPBACK,
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": f"regno:{password}",
        **FLOWER_LIMITS,
    }
    return Program("flower", command, environment, WATCHER)
