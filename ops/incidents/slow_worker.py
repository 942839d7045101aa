"""The service's own worker with its own model, made slower: for the incident of a slow model."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.features import FeatureRow
from shared.results import Prediction
from shared.settings import WorkerSettings, load
from worker.app import create_worker
from worker.model import Model, load_model

TIMES_SLOWER = 50


class SlowModel(Model):
    """Answers like the model it is given, much later, and as another version."""

    def __init__(self, model: Model) -> None:
        self.version = f"slow-{model.version}"
        self.created_at = model.created_at
        self._model = model

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        """The same predictions, after TIMES_SLOWER times the time."""
        began = time.perf_counter()
        predictions = self._model.score(rows)
        time.sleep((time.perf_counter() - began) * (TIMES_SLOWER - 1))
        return predictions


def main() -> int:
    """Runs until told to stop."""
    settings = load(WorkerSettings, os.environ)
    worker = create_worker(settings, SlowModel(load_model(Path(settings.model_uri))), None)
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
