"""The service's own worker with its own model, made slower: for the incident of a slow model."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.features import FeatureRow
from shared.results import Prediction
from worker.__main__ import main
from worker.model import Model, load_model

SECONDS = 50 * 0.005
"""Of each batch: 50 times what is usual under load, on a fast machine as on a slow one."""


class SlowModel(Model):
    """Answers like the model it is given, much later, and as another version."""

    def __init__(self, model: Model) -> None:
        self.version = f"slow-{model.version}"
        self.created_at = model.created_at
        self._model = model

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        """The same predictions, after SECONDS."""
        began = time.perf_counter()
        predictions = self._model.score(rows)
        time.sleep(max(0.0, SECONDS - (time.perf_counter() - began)))
        return predictions


def load_slow_model(path: Path) -> SlowModel:
    """Raises ModelMismatch, as ``load_model`` does."""
    return SlowModel(load_model(path))


if __name__ == "__main__":
    sys.exit(main(load_slow_model))
