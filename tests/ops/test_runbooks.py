"""The commands of the runbooks, tried on a running stack."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu.connection import Connection
from kombu.messaging import Producer

from ops.local.programs import ROOT
from ops.watch.runbooks import A_TASK, commands
from ops.watch.stack import WatchedStack
from shared.messages import task_message
from shared.queues import DEAD_QUEUE, Lane
from tests.builders import a_reading

DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
"""Where Debian's package has the tools that an image has on its PATH."""

_EXEC = re.compile(r"docker-compose exec (-T )?[a-z-]+ ")
_ONLY_OF_CONTAINERS = re.compile(r"(docker-compose (ps|logs|up|restart)|docker (stats|update))\b")
"""Commands about containers, of which there are none here: ``ops/compose-check`` tries those."""


def a_dead_letter(stack: WatchedStack) -> str:
    """The id of a task that has ended up there."""
    task_id = str(uuid.uuid4())
    message = task_message(
        Lane.ASYNC,
        task_id,
        [a_reading()],
        expires_at=4e9,
        expires_in=1e9,
        request_id="of a runbook",
    )
    with Connection(stack.broker_url, transport_options={"confirm_publish": True}) as connection:
        Producer(connection.channel()).publish(
            message.body, routing_key=DEAD_QUEUE, headers=message.headers, **message.properties
        )
    return task_id


@pytest.mark.parametrize(
    "command", [each for each in commands() if not _ONLY_OF_CONTAINERS.match(each)]
)
def test_a_runbooks_command_works(watched: WatchedStack, command: str) -> None:
    here = _EXEC.sub("", command)
    for there, address in {
        "http://localhost:9090": watched.prometheus.url,
        "http://127.0.0.1:5000": watched.url,
        "redis-cli": f"redis-cli -p {urlsplit(watched.redis_url).port}",
    }.items():
        here = here.replace(there, address)
    if A_TASK in here:
        here = here.replace(A_TASK, a_dead_letter(watched))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", here],
        env={
            **os.environ,
            **watched.rabbitmq_environment,
            "PATH": f"{Path(sys.executable).parent}:{DEBIAN_RABBITMQ}:{os.environ['PATH']}",
            "REGNO_BROKER_URL": watched.broker_url,
            "REGNO_REDIS_URL": watched.redis_url,
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
