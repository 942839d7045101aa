"""``python -m ops.queues``: serves what RabbitMQ knows of the queues, as metrics."""

import logging
import os
import signal
import sys
import threading
import time

from prometheus_client import CollectorRegistry

from ops.queues.exporter import Exporter
from ops.queues.management import ManagementApi
from ops.queues.settings import QueuesSettings, api_address
from shared.errors import InvalidSettings
from shared.log import set_up_logging
from shared.metrics import QueueMetrics
from shared.metrics_endpoint import serve_metrics
from shared.queues import DEAD_QUEUE, Lane
from shared.settings import load

_logger = logging.getLogger("queues")

POLL_SECONDS = 2.0


def main() -> int:
    """Runs until told to stop; the exit status is 78 (EX_CONFIG) for what a restart won't mend."""
    set_up_logging(os.environ, "queues")
    registry = CollectorRegistry()
    try:
        settings = load(QueuesSettings, os.environ)
        api = ManagementApi(api_address(settings.rabbitmq_api))
        exporter = Exporter(
            api.read, (*Lane, DEAD_QUEUE), QueueMetrics(registry), clock=time.monotonic
        )
        serve_metrics(registry, settings.metrics_host, settings.metrics_port)
    except InvalidSettings as error:
        _logger.critical("%s", error)
        return os.EX_CONFIG
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopping.set())
    exporter.poll()
    while not stopping.wait(POLL_SECONDS):
        exporter.poll()
    return 0


if __name__ == "__main__":
    sys.exit(main())
