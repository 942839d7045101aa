"""The health check of a worker's container means that it consumes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import programs
from ops.local.programs import ROOT
from tests.processes import Process, wait_until
from tests.servers import Servers
from tests.stack import SHIPPED_MODEL

LONG_AGO = 1_000_000.0


@pytest.fixture
def heartbeat(tmp_path: Path) -> Path:
    return tmp_path / "consuming"


@pytest.fixture
def worker(servers: Servers, heartbeat: Path, tmp_path: Path) -> Iterator[Process]:
    environment = {
        "REGNO_BROKER_URL": servers.rabbit.url,
        "REGNO_REDIS_URL": servers.redis.url,
        "REGNO_MODEL_URI": str(SHIPPED_MODEL),
        "REGNO_HEARTBEAT_FILE": str(heartbeat),
    }
    with Process(programs.worker(environment, 1), tmp_path) as worker:
        yield worker


def healthy(heartbeat: Path) -> bool:
    command = [sys.executable, "-m", "worker.heartbeat", str(heartbeat)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=30).returncode == 0


def test_a_worker_is_healthy_while_its_loop_turns(worker: Process, heartbeat: Path) -> None:
    assert not healthy(heartbeat)
    wait_until(lambda: healthy(heartbeat), 90, "the worker consumes")
    with worker.paused():
        os.utime(heartbeat, (LONG_AGO, LONG_AGO))
        assert not healthy(heartbeat)
    wait_until(lambda: healthy(heartbeat), 30, "the worker consumes again")
    assert worker.stop() == 0
    assert not heartbeat.exists()
