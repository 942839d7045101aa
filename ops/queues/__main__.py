"""``python -m ops.queues``: serves what RabbitMQ knows of the queues, as metrics."""

import logging.config
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
from shared.log import logging_config
from shared.metrics import QueueMetrics
from shared.metrics_endpoint import serve_metrics
from shared.queues import DEAD_QUEUE, Lane
from shared.settings import load

POLL_SECONDS = 2.0


def main() -> int:
    """Runs until told to stop; the exit status is 78 (EX_CONFIG) for what a restart won't mend."""
    registry = CollectorRegistry()
    try:
        settings = load(QueuesSettings, os.environ)
        logging.config.dictConfig(dict(logging_config(settings.log_level)))
        api = ManagementApi(api_address(settings.rabbitmq_api))
        exporter = Exporter(
            api.read, (*Lane, DEAD_QUEUE), QueueMetrics(registry), clock=time.monotonic
        )
        serve_metrics(registry, settings.metrics_host, settings.metrics_port)
    except InvalidSettings as error:
        sys.stderr.write(f"queues: {error}\n")
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
