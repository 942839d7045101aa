"""A front door that is told to stop answers what it has taken and waits for nobody else."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.local.programs import LOOPBACK
from tests.builders import a_row
from tests.processes import wait_until
from tests.stack import Stack


@pytest.fixture
def front_door(private_stack: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A second front door before the private stack's worker."""
    stack = Stack(
        private_stack.environment["REGNO_BROKER_URL"],
        private_stack.environment["REGNO_REDIS_URL"],
        tmp_path,
        workers=0,
    )
    stack.wait_ready()
    yield stack
    stack.close()


@contextmanager
def an_idle_connection(front_door: Stack) -> Iterator[socket.socket]:
    """One that has had an answer and is kept."""
    port = int(front_door.url.rsplit(":", 1)[1])
    with socket.create_connection((LOOPBACK, port)) as idle:
        idle.settimeout(5)
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle.recv(4096)
        yield idle


def wait_for_the_end(connection: socket.socket) -> None:
    while connection.recv(4096):  # the rest of the answer, then the end
        pass


def test_idle_connections_do_not_hold_it_up(front_door: Stack) -> None:
    with an_idle_connection(front_door) as idle:
        began = time.monotonic()
        assert front_door.api.stop() == 0
        assert time.monotonic() - began < 5
        wait_for_the_end(idle)


def test_a_request_that_waits_for_its_answer_still_gets_it(
    front_door: Stack, private_stack: Stack
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with private_stack.workers[0].paused(), an_idle_connection(front_door) as idle:
            waiting = pool.submit(
                front_door.client.post, "/v1/predict", json=a_row(), params={"timeout": 20}
            )
            wait_until(
                lambda: front_door.client.metric("regno_waiters") == 1, 10, "the request waits"
            )
            front_door.api.send(signal.SIGTERM)
            wait_for_the_end(idle)  # it has hung up on who waits for nothing
        assert waiting.result(25).status_code == 200
    assert front_door.api.stop() == 0


def test_one_that_starts_where_another_was_stopped_is_not_draining(
    private_stack: Stack, tmp_path: Path
) -> None:
    left_behind = tmp_path / "draining"
    left_behind.touch()
    environment = private_stack.environment
    stack = Stack(
        environment["REGNO_BROKER_URL"],
        environment["REGNO_REDIS_URL"],
        tmp_path,
        workers=0,
        settings={"REGNO_DRAIN_FILE": str(left_behind)},
    )
    try:
        stack.wait_ready()
        assert not left_behind.exists()
    finally:
        stack.close()
