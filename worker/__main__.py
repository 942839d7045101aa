"""``python -m worker``: one worker process."""

import gc
import logging.config
import os
import sys
from pathlib import Path

from shared.errors import InvalidSettings, ModelMismatch
from shared.log import logging_config
from shared.settings import WorkerSettings, load
from worker.app import create_worker
from worker.model import load_model


def main() -> int:
    """Runs until told to stop; the exit status is 78 (EX_CONFIG) for what a restart won't mend."""
    try:
        settings = load(WorkerSettings, os.environ)
        logging.config.dictConfig(dict(logging_config(settings.log_level)))
        worker = create_worker(settings, load_model(Path(settings.model_uri)))
    except (InvalidSettings, ModelMismatch) as error:
        sys.stderr.write(f"worker: {error}\n")
        return os.EX_CONFIG
    gc.collect()
    gc.freeze()  # what has been made so far stays: full collections, 45 ms each, need not look
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
