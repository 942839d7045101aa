"""The service's own worker, that dies (SIGKILL) at a point of its work when a file says so.

The first worker that comes to the point takes the file away and dies: one file, one death. Another
file makes the model of every worker slow for as long as it is there.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared.features import FeatureRow
from shared.results import Prediction
from tests.failing_worker import FailingModel
from worker import batcher
from worker.__main__ import main
from worker.acknowledge import acknowledge
from worker.model import Model, load_model

FOLDER = "REGNO_TEST_DEATHS"

IN_BATCH = "in-batch"
"""While the model is asked: nothing is stored, nothing acknowledged."""

STORED = "stored"
"""The results are stored and announced, and not acknowledged."""

SLOW = "slow"
SLOW_SECONDS = 0.5
"""What a batch then takes: some hundred times as long as usual."""


def _die_if_told(folder: Path, where: str) -> None:
    try:
        (folder / where).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class MortalModel(FailingModel):
    """Answers like the model it is given, and may die of it; of a certain plate, it always does."""

    def __init__(self, model: Model, folder: Path) -> None:
        super().__init__(model)
        self._folder = folder

    def score(self, features: Sequence[FeatureRow]) -> list[Prediction]:
        """See ``Model``."""
        _die_if_told(self._folder, IN_BATCH)
        if (self._folder / SLOW).exists():
            time.sleep(SLOW_SECONDS)
        return super().score(features)


def _dying_before(then: Callable[..., None], folder: Path) -> Callable[..., None]:
    def die_or_go_on(*arguments: Any) -> None:
        _die_if_told(folder, STORED)
        then(*arguments)

    return die_or_go_on


def run() -> int:
    """Runs until told to stop, or to die."""
    folder = Path(os.environ[FOLDER])
    vars(batcher)["acknowledge"] = _dying_before(acknowledge, folder)
    return main(lambda path: MortalModel(load_model(path), folder))


if __name__ == "__main__":
    sys.exit(run())
