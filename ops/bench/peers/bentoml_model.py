"""BentoML with a batchable call: its adaptive batching, one process."""

import os
from pathlib import Path
from typing import Any

import bentoml

from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import load_model

_BATCH_ROWS = 128
"""The service's own default."""

_LONGEST_MS = 30_000
"""As long as the longest wait the service allows; the batcher itself decides far sooner."""


@bentoml.service(workers=1, traffic={"timeout": 60})
class Regno:
    """Rows in, both probabilities of each out."""

    def __init__(self) -> None:
        self._reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
        self._model = load_model(Path(os.environ["REGNO_MODEL_URI"]))

    @bentoml.api(batchable=True, max_batch_size=_BATCH_ROWS, max_latency_ms=_LONGEST_MS)  # type: ignore[untyped-decorator]
    def predict(self, rows: list[dict[str, Any]]) -> list[dict[str, float]]:
        """A batch that BentoML has put together."""
        predictions = self._model.predict(self._reader.read_objects(rows))
        return [{"negative": p.negative, "positive": p.positive} for p in predictions]
