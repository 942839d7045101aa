"""The service's own worker with its own model, made slower: for the incident of a slow model."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.features import FeatureRow
from shared.results import Prediction
from worker.__main__ import main
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


def load_slow_model(path: Path) -> SlowModel:
    """Raises ModelMismatch, as ``load_model`` does."""
    return SlowModel(load_model(path))


if __name__ == "__main__":
    sys.exit(main(load_slow_model))
