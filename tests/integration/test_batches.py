"""What has queued up while the worker was busy is predicted together."""

from contextlib import closing
from pathlib import Path

from ops.local.programs import LOOPBACK, free_port, serving_metrics
from shared.queues import Lane
from tests.builders import a_row
from tests.celery_client import publish
from tests.processes import wait_until
from tests.scrape import Scrape
from tests.servers import Servers
from tests.stack import Stack

BACKLOG = 100
"""Messages, fewer than fill a batch; to read them takes a worker many times its wait."""


def test_a_backlog_is_read_for_longer_than_a_batch_waits(servers: Servers, tmp_path: Path) -> None:
    port = free_port()
    stack = Stack(
        servers.rabbit.add_vhost("batches"),
        servers.redis.url.removesuffix("/0") + "/7",
        tmp_path,
        settings={"REGNO_BATCH_WAIT": "0.0001", **serving_metrics(port)},
    )
    with closing(stack):
        stack.wait_ready()
        (worker,) = stack.workers
        with worker.paused():
            publish(stack.environment["REGNO_BROKER_URL"], Lane.SYNC, [a_row()] * BACKLOG)
        metrics = f"http://{LOOPBACK}:{port}/metrics"
        wait_until(
            lambda: Scrape(metrics).value("regno_batch_rows_sum") == BACKLOG, 20, "all predicted"
        )
        assert Scrape(metrics).value("regno_batch_rows_count") <= BACKLOG / 4
