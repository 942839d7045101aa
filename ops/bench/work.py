"""The rows of a run, the right answers to them, and the requests made of both."""

from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ops.bench.dialects import Dialect
from ops.load.loops import Ready
from ops.load.payloads import requests, rows_from_csv, synthesised_rows
from shared.results import Prediction
from shared.rows import Row, RowReader
from shared.settings import WorkerSettings
from worker.model import load_model

_ROWS = 100

KEY = "a-key-for-the-benchmark"


class Calls(NamedTuple):
    """Whole HTTP requests, and for each the bytes that a right reply contains."""

    requests: Ready
    expected: Ready


class Work(NamedTuple):
    """Rows and the prediction for each."""

    rows: list[dict[str, Any]]
    predictions: list[Prediction]

    def calls(self, url: str, dialect: Dialect, per_request: int = 1) -> Calls:
        """As many requests as there are rows, each of ``per_request`` rows."""
        rows, predictions = cycle(self.rows), cycle(self.predictions)
        bodies, expected = [], []
        for _ in self.rows:
            bodies.append(dialect.body(list(islice(rows, per_request))))
            expected.append(dialect.answer(list(islice(predictions, per_request))))
        return Calls(requests(url, dialect.path, KEY, bodies), expected)


def read_work(model: Path, csv: Path | None) -> Work:
    """Rows of a CSV, or synthesised ones, with predictions made here, one row at a time.

    Raises OSError, ValueError or ModelMismatch.
    """
    rows = rows_from_csv(csv) if csv else synthesised_rows(1, _ROWS)
    loaded = load_model(model)
    return Work(rows, [loaded.predict([reading])[0] for reading in readings(rows)])


def readings(rows: list[dict[str, Any]]) -> list[Row]:
    """The rows as a worker has them."""
    reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
    return [reader.read_json(msgspec.json.encode(row))[0][0] for row in rows]
