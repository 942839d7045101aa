"""One whole stack with its Prometheus for this folder, under load."""

from collections.abc import Iterator

import pytest
from celery import Celery
from kombu.entity import Queue

from ops.watch.load import load
from ops.watch.stack import WatchedStack
from shared.queues import TASK_NAME, Lane
from tests.builders import a_row

_LOAD_SECONDS = 900
"""More than the tests take; the load is ended with them."""


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStack]:
    """Two workers, with 30 synchronous and 10 asynchronous requests a second."""
    with (
        WatchedStack(tmp_path_factory.mktemp("watched"), workers=2) as stack,
        load(stack, 30, _LOAD_SECONDS, "sync"),
        load(stack, 10, _LOAD_SECONDS, "async"),
    ):
        fail_one_task(stack)
        yield stack


def fail_one_task(stack: WatchedStack) -> None:
    """Failures are counted by the name of the error: before the first one there is no such count.

    The front door refuses a bad row; one that is sent past it fails in the worker.
    """
    with Celery(broker=stack.broker_url, set_as_current=False) as client:
        lane = Queue(Lane.ASYNC.value, no_declare=True)
        client.send_task(TASK_NAME, args=[[a_row(direction="left")]], queue=lane)
