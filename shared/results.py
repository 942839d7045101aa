"""What a task ended with: Celery's own key and JSON form in Redis, and how it is announced.

Any Celery client reads these with ``AsyncResult``. A pending task has a key too, so that an
id that was never issued can be told from one whose task still waits.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

READ_IN_LUA = """
local function read(key)
    local stored = redis.pcall('GET', key)
    return type(stored) == 'string' and stored
end
"""
"""A result as scripts read it: false where there is none, or a key of another type."""

KEY_PREFIX = "celery-task-meta-"
REPLY_PREFIX = "regno.reply."
"""Reply channel of one api process: this and an id of its own."""

VERSION_JOINT = "+"

ERRORS_MODULE = "shared.errors"
"""Where a Celery client that has this project's code finds the exception of a failure."""

State = Literal["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]

EXPIRED = "expired"
"""What Celery's own worker says in the TaskRevokedError of an expired task."""


class Prediction(msgspec.Struct, frozen=True):
    """Probabilities of the two classes, float64."""

    negative: float
    """That the network's reading should not be picked."""
    positive: float
    """That it should."""


class Predictions(msgspec.Struct, frozen=True):
    """What ``pick_regno`` returns: one prediction a row, in the order sent."""

    model_version: str
    predictions: list[Prediction]


class RawPredictions(msgspec.Struct, frozen=True):
    """``Predictions`` as the api passes them on: the list is never decoded."""

    model_version: str
    """Versions joined by ``VERSION_JOINT`` where workers with several models shared the rows."""
    predictions: msgspec.Raw


class Failure(msgspec.Struct, frozen=True):
    """An exception in Celery's JSON form."""

    exc_type: str
    exc_message: list[str]
    exc_module: str = ERRORS_MODULE


class StoredResult(msgspec.Struct, frozen=True):
    """The value of a result key, as Celery's backends write it."""

    status: State
    result: Any
    task_id: str
    date_done: str | None = None
    traceback: str | None = None
    children: tuple[()] = ()


class RawResult(msgspec.Struct, frozen=True):
    """``StoredResult`` as it is read: the result stays undecoded until somebody asks."""

    status: State
    result: msgspec.Raw
    task_id: str
    date_done: str | None = None


_encoder = msgspec.json.Encoder()
_result_decoder = msgspec.json.Decoder(RawResult)
_results_decoder = msgspec.json.Decoder(list[RawResult])
_predictions_decoder = msgspec.json.Decoder(RawPredictions)
_failure_decoder = msgspec.json.Decoder(Failure)


def result_key(task_id: str) -> str:
    """The Redis key of a result, and the channel on which Celery announces it."""
    return KEY_PREFIX + task_id


def _done(status: State, task_id: str, result: object) -> bytes:
    now = datetime.now(UTC).isoformat()
    return _encoder.encode(StoredResult(status, result, task_id, date_done=now))


def encode_success(task_id: str, predictions: Predictions | RawPredictions) -> bytes:
    """The stored form of a task that was done."""
    return _done("SUCCESS", task_id, predictions)


def encode_failure(task_id: str, failure: Failure) -> bytes:
    """The stored form of a task that could not be done."""
    return _done("FAILURE", task_id, failure)


def encode_revoked(task_id: str, reason: str) -> bytes:
    """The stored form of a task dropped before it started: ``reason`` is EXPIRED or a word."""
    failure = Failure("TaskRevokedError", [reason], "celery.exceptions")
    return _done("REVOKED", task_id, failure)


def encode_unfinished(
    status: Literal["PENDING", "STARTED"], task_id: str, message: str | None = None
) -> bytes:
    """The stored form of a task that has no outcome yet; ``message`` names the one that began it.

    Celery too keeps under ``result`` who has started a task.
    """
    return _encoder.encode(StoredResult(status, message, task_id))


def join_results(encoded: Iterable[bytes]) -> bytes:
    """Many stored results as the one message that a reply channel carries."""
    return b"[" + b",".join(encoded) + b"]"


def decode_result(value: bytes) -> RawResult:
    """Raises msgspec.DecodeError for what is not a stored result."""
    return _result_decoder.decode(value)


def decode_results(message: bytes) -> list[RawResult]:
    """The results of one reply message. Raises msgspec.DecodeError for anything else."""
    return _results_decoder.decode(message)


def decode_predictions(result: RawResult) -> RawPredictions:
    """The predictions of a SUCCESS."""
    return _predictions_decoder.decode(result.result)


def decode_failure(result: RawResult) -> Failure:
    """The exception of a FAILURE or REVOKED."""
    return _failure_decoder.decode(result.result)


def encode_piece(predictions: Predictions) -> bytes:
    """The predictions of one chunk of an array, to be put together with those of the others."""
    return _encoder.encode(predictions)


def join_pieces(pieces: Iterable[bytes]) -> RawPredictions:
    """The predictions of a whole array, from its pieces in order.

    The text of every number stays as it was written. Where the pieces come from different
    models, all versions are named, in the order in which the rows first meet them.
    """
    decoded = [_predictions_decoder.decode(piece) for piece in pieces]
    versions = dict.fromkeys(piece.model_version for piece in decoded)
    items = b",".join(bytes(piece.predictions)[1:-1] for piece in decoded)
    return RawPredictions(VERSION_JOINT.join(versions), msgspec.Raw(b"[" + items + b"]"))
