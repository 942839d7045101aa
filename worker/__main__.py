"""``python -m worker``: one worker process."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from shared import log
from shared.errors import InvalidSettings, ModelMismatch
from shared.settings import WorkerSettings, load
from shared.telemetry import start_telemetry
from worker.app import create_worker
from worker.celery_log import keep_bodies_out
from worker.model import Model, load_model

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_logger = logging.getLogger("worker")


def main(load_model: Callable[[Path], Model] = load_model) -> int:
    """Runs until told to stop; the exit status is 78 (EX_CONFIG) for what a restart won't mend."""
    log.set_up_logging(os.environ, "worker")
    keep_bodies_out()
    try:
        settings = load(WorkerSettings, os.environ)
        model = load_model(Path(settings.model_uri))
    except (InvalidSettings, ModelMismatch) as error:
        _logger.critical("%s", error)
        return os.EX_CONFIG
    log.bind(model_version=model.version)
    telemetry = start_telemetry(settings, "worker", os.environ)
    try:
        return _run(settings, model, telemetry.tracer)
    except InvalidSettings as error:
        _logger.critical("%s", error)
        return os.EX_CONFIG
    finally:
        telemetry.stop()


def _run(settings: WorkerSettings, model: Model, tracer: "Tracer | None") -> int:
    worker = create_worker(settings, model, tracer)
    gc.collect()
    gc.freeze()  # what has been made so far stays: full collections, 45 ms each, need not look
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
