"""Programs that are not Python packages: where they are, and getting them with apt."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = (
    "#!/bin/sh\n# Packages being installed for a private instance start no service.\nexit 101\n"
)


def find_redis() -> str | None:
    """Path of a Redis server, or None."""
    return shutil.which("redis-server")


def find_rabbitmq() -> tuple[str, str] | None:
    """Paths of RabbitMQ's server script and of epmd, or None.

    Debian's ``rabbitmq-server`` on the PATH switches to a system user; the script under
    ``/usr/lib`` runs as whoever calls it.
    """
    epmd = shutil.which("epmd")
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    binary = str(script) if script.exists() else shutil.which("rabbitmq-server")
    if binary is None or epmd is None:
        return None
    return binary, epmd


def find_prometheus() -> tuple[str, str] | None:
    """Paths of Prometheus and of promtool, or None."""
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    return (server, tool) if server and tool else None


def find_redis_exporter() -> str | None:
    """Path of the program that tells Prometheus about a Redis, or None."""
    return shutil.which("prometheus-redis-exporter")


def can_install() -> bool:
    """Whether apt is here and this process may use it."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: Sequence[str], log: Path) -> bool:
    """Installs Debian packages without starting their services; False where that fails.

    Everything apt prints goes to ``log``.
    """
    ours = not _POLICY.exists()
    if ours:
        _POLICY.write_text(_POLICY_TEXT)
        _POLICY.chmod(0o755)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    try:
        with log.open("ab") as output:
            for command in (["apt-get", "update"], install):
                subprocess.run(
                    command, env=environment, check=True, stdout=output, stderr=subprocess.STDOUT
                )
    except subprocess.CalledProcessError:
        return False
    finally:
        if ours:
            _POLICY.unlink()
    return True
