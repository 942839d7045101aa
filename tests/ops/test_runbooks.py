"""The commands of the runbooks, tried on a running stack."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ops.local.programs import ROOT
from ops.watch.runbooks import commands
from ops.watch.stack import WatchedStack

DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
"""Where Debian's package has the tools that an image has on its PATH."""

_EXEC = re.compile(r"docker-compose exec (-T )?[a-z-]+ ")
_ONLY_OF_CONTAINERS = re.compile(r"(docker-compose (ps|logs|up|restart)|docker stats|set -a)\b")
"""Commands about containers, of which there are none here: ``ops/compose-check`` tries those."""


@pytest.mark.parametrize(
    "command", [each for each in commands() if not _ONLY_OF_CONTAINERS.match(each)]
)
def test_a_runbooks_command_works(watched: WatchedStack, command: str) -> None:
    here = _EXEC.sub("", command)
    for there, address in {
        "http://localhost:9090": watched.prometheus.url,
        "http://127.0.0.1:5000": watched.url,
        "http://127.0.0.1:15672": watched.management_url,
        "redis-cli": f"redis-cli -p {urlsplit(watched.redis_url).port}",
    }.items():
        here = here.replace(there, address)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", here],
        env={
            **os.environ,
            **watched.rabbitmq_environment,
            "PATH": f"{DEBIAN_RABBITMQ}:{os.environ['PATH']}",
            "RABBITMQ_PASSWORD": watched.password,
            "REDISCLI_AUTH": watched.password,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}"
    assert "error" not in done.stdout.lower()
