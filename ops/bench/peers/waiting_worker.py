"""The service's own worker, with a model that only waits: for scaling out on few cores."""

import os
import sys
import time
from collections.abc import Sequence

from shared.features import FeatureRow
from shared.results import Prediction
from shared.settings import WorkerSettings, load
from worker.app import create_worker
from worker.model import Model
from worker.watch import Signs

WAIT_SECONDS = 0.020
"""What a batch costs, whatever is in it."""

ANSWER = Prediction(0.25, 0.75)


class WaitingModel(Model):
    """Takes its time and no CPU."""

    def __init__(self) -> None:
        self.version = "stand-in"
        self.created_at = 0.0

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        """The same answer for every row, after a fixed time."""
        time.sleep(WAIT_SECONDS)
        return [ANSWER] * len(rows)


def main() -> int:
    """Runs until told to stop."""
    worker = create_worker(load(WorkerSettings, os.environ), WaitingModel(), None, Signs())
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
