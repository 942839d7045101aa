"""How each system wants its rows, and how the right answer looks in its reply."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from shared.results import Prediction

Rows = Sequence[dict[str, Any]]


class Dialect(NamedTuple):
    """A request's path and body, and the bytes that its answer must contain."""

    path: str
    body: Callable[[Rows], bytes]
    answer: Callable[[Sequence[Prediction]], bytes]


def _object_or_array(rows: Rows) -> bytes:
    return msgspec.json.encode(rows[0] if len(rows) == 1 else rows)


def _inference_request(rows: Rows) -> bytes:
    data = [msgspec.json.encode(row).decode() for row in rows]
    rows_input = {"name": "rows", "shape": [len(rows), 1], "datatype": "BYTES", "data": data}
    return msgspec.json.encode({"inputs": [rows_input]})


def _spaced(predictions: Sequence[Prediction]) -> bytes:
    return json.dumps([msgspec.to_builtins(p) for p in predictions]).encode()


def _numbers(predictions: Sequence[Prediction]) -> bytes:
    return msgspec.json.encode([n for p in predictions for n in (p.negative, p.positive)])


PLAIN = Dialect("/v1/predict", _object_or_array, msgspec.json.encode)
"""The service's own; Flask's and the naive one's too."""

OPEN_INFERENCE = Dialect("/v2/models/regno/infer", _inference_request, _numbers)
"""MLServer's: https://github.com/kserve/open-inference-protocol"""

BENTO = Dialect("/predict", lambda rows: msgspec.json.encode({"rows": rows}), _spaced)
"""BentoML's: a batchable call takes and gives lists."""
