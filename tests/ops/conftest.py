"""One whole stack with its Prometheus for the session, under load."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import Celery
from kombu.entity import Queue

from ops.local.programs import ROOT
from ops.watch.parts import KEY
from ops.watch.stack import WatchedStack
from shared.queues import TASK_NAME, Lane
from tests.builders import a_row

_LOAD_SECONDS = 900
"""More than the tests take; the load is ended with them."""


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStack]:
    """Two workers, with 30 synchronous and 10 asynchronous requests a second."""
    with (
        WatchedStack(tmp_path_factory.mktemp("watched"), workers=2) as stack,
        load(stack, "sync", rate=30),
        load(stack, "async", rate=10),
    ):
        fail_one_task(stack)
        yield stack


@contextmanager
def load(stack: WatchedStack, mode: str, rate: float) -> Iterator[None]:
    """A constant rate of requests while the context lasts."""
    command = [sys.executable, "-m", "ops.load", "--url", stack.url, "--key", KEY]
    options = ["--mode", mode, "--rate", str(rate), "--seconds", str(_LOAD_SECONDS)]
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def fail_one_task(stack: WatchedStack) -> None:
    """Failures are counted by the name of the error: before the first one there is no such count.

    The front door refuses a bad row; one that is sent past it fails in the worker.
    """
    with Celery(broker=stack.broker_url, set_as_current=False) as client:
        lane = Queue(Lane.ASYNC.value, no_declare=True)
        client.send_task(TASK_NAME, args=[[a_row(direction="left")]], queue=lane)
