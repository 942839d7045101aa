"""``python -m worker``: one worker process."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from celery.worker import state

from shared import log
from shared.celery_app import CONNECT_SECONDS
from shared.errors import InvalidSettings, ModelMismatch
from shared.settings import WorkerSettings, load
from shared.telemetry import Telemetry, start_telemetry
from worker.app import create_worker, speaks_amqp
from worker.lanes_seen import look_at_lanes
from worker.model import Model, load_model
from worker.watch import PATIENCE, Patience, Signs
from worker.watchdog import Watchdog

_logger = logging.getLogger("worker")


def main(load_model: Callable[[Path], Model] = load_model, patience: Patience = PATIENCE) -> int:
    """Runs until told to stop.

    The exit status is 78 (EX_CONFIG) for what a restart won't mend, 70 (EX_SOFTWARE) for a worker
    that found itself stuck, 1 after an error that nobody foresaw.
    """
    log.set_up_logging(os.environ, "worker")
    try:
        settings = load(WorkerSettings, os.environ)
        model = load_model(Path(settings.model_uri))
    except (InvalidSettings, ModelMismatch) as error:
        _logger.critical("%s", error)
        return os.EX_CONFIG
    log.bind(model_version=model.version)
    telemetry = start_telemetry(settings, "worker", os.environ)
    try:
        return _run(settings, model, telemetry, patience)
    except InvalidSettings as error:
        _logger.critical("%s", error)
        return os.EX_CONFIG
    finally:
        telemetry.stop()


def _run(settings: WorkerSettings, model: Model, telemetry: Telemetry, patience: Patience) -> int:
    signs = Signs()
    worker = create_worker(settings, model, telemetry.tracer, signs)
    watchdog = Watchdog(
        signs,
        partial(look_at_lanes, settings.broker_url, CONNECT_SECONDS),
        _told_to_stop,
        tell=telemetry.stop,
        patience=patience,
    )
    gc.collect()
    gc.freeze()  # what has been made so far stays: full collections, 45 ms each, need not look
    if speaks_amqp(settings.broker_url):  # kombu's own brokers cannot be asked what waits
        watchdog.start()
    try:
        worker.start()
    finally:
        watchdog.stop()
    return int(worker.exitcode or 0)


def _told_to_stop() -> bool:
    return (state.should_stop, state.should_terminate) != (None, None)


if __name__ == "__main__":
    sys.exit(main())
