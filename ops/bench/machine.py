"""Facts of the machine and the code: figures mean nothing without them."""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ops.bench.systems import PEERS_PYTHON
from ops.local.programs import ROOT

_PACKAGES = (
    "catboost", "celery", "flask", "gevent", "gunicorn", "kombu", "msgspec", "redis",
)  # fmt: skip
_PEER_PACKAGES = ("mlserver", "bentoml")


def machine_facts() -> dict[str, Any]:
    """Hardware, system, versions, commit, date, command line, and what else was going on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python -m ops.bench", *sys.argv[1:]]),
        "commit": _output("git", "describe", "--always", "--dirty", "--abbrev=12"),
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES} | _peer_versions(),
        "servers": {
            "redis": _output("redis-server", "--version"),
            "rabbitmq": _output(
                "dpkg-query", "--show", "--showformat=${Version}", "rabbitmq-server"
            ),
        },
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def cpu_model(cpuinfo: str) -> str:
    """From the text of ``/proc/cpuinfo``."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1] if found else "unknown"


def _peer_versions() -> dict[str, str]:
    if not PEERS_PYTHON.exists():
        return {}
    ask = "from importlib.metadata import version; import sys; print(version(sys.argv[1]))"
    return {name: _output(str(PEERS_PYTHON), "-c", ask, name) for name in _PEER_PACKAGES}


def _output(*command: str) -> str:
    """What a command prints; ``unknown`` where it is not here or fails."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
