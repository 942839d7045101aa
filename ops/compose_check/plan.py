"""What is to be tried, read from ``docker-compose.yml``; and the variables it wants."""

import secrets
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import yaml

from ops.bench.work import KEY
from ops.local.programs import LOOPBACK, ROOT
from ops.watch.runbooks import commands, for_containers

_PASSWORDS = ("RABBITMQ_PASSWORD", "REDIS_PASSWORD", "FLOWER_PASSWORD", "GRAFANA_PASSWORD")
_PORTS = ("FLOWER_PORT", "GRAFANA_PORT", "PROMETHEUS_PORT", "RABBITMQ_MANAGEMENT_PORT")

ON_THE_WAY = {
    "api": {0, 200, 503},
    "worker": {200, 503, 504},
    "rabbitmq": {200, 503, 504},
    "redis": {200, 503, 504},
}
"""What a caller may see while a service that requests pass through is restarted.

0 is a connection refused or lost: with one front door there is nobody else to answer.
"""


def read_compose() -> dict[str, Any]:
    """The file as it is written. Raises OSError."""
    with (ROOT / "docker-compose.yml").open(encoding="utf-8") as text:
        parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def services_to_try(compose: dict[str, Any], without: Collection[str]) -> list[str]:
    """Those that start by default, in the file's order. Raises ValueError for unknown names."""
    services = compose["services"]
    unknown = set(without) - set(services)
    if unknown:
        raise ValueError(f"docker-compose.yml has no service {', '.join(sorted(unknown))}")
    return [
        name for name, service in services.items()
        if not service.get("profiles") and name not in without
    ]  # fmt: skip


def allowed_statuses(restarted: str) -> set[int]:
    """How requests may end while a service is restarted; 0 is a lost connection."""
    return ON_THE_WAY.get(restarted, {200})


def variables(model: Path, port: int, other_port: Callable[[], int]) -> dict[str, str]:
    """Everything the file asks for: new passwords, and the front door on loopback.

    ``other_port`` gives a free port for each of the others.
    """
    return {
        **{name: secrets.token_urlsafe(24) for name in _PASSWORDS},
        **{name: str(other_port()) for name in _PORTS},
        "COMPOSE_HTTP_TIMEOUT": "300",  # Docker on a busy machine takes its time
        "PORT": f"{LOOPBACK}:{port}",
        "REGNO_API_KEYS": KEY,
        "MODEL_FOLDER": str(model.resolve().parent),
        "MODEL_FILE": model.name,
    }


def runbook_commands(compose: dict[str, Any], services: Sequence[str]) -> list[str]:
    """What the runbooks have an operator do with containers, where only these services are."""
    elsewhere = set(compose["services"]) - set(services)
    return list(for_containers(commands(), services, elsewhere))
