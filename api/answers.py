"""The bodies of good answers, encoded once; predictions pass through as the worker wrote them."""

import logging
from http import HTTPStatus
from typing import Literal

import msgspec
from flask import Response, g

from api.errors import Problem, problem_of
from shared import errors
from shared.results import (
    EXPIRED,
    RawPredictions,
    RawResult,
    decode_failure,
    decode_predictions,
)

_logger = logging.getLogger(__name__)

TaskStatus = Literal["queued", "done", "failed", "expired", "cancelled"]


class PredictAnswer(msgspec.Struct, frozen=True):
    """Predictions of a synchronous call."""

    task_id: str
    model_version: str
    predictions: msgspec.Raw


class TaskAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a task."""

    task_id: str
    status: TaskStatus
    model_version: str | None = None
    predictions: msgspec.Raw | None = None
    error: Problem | None = None


class CustomerAnswer(msgspec.Struct, frozen=True):
    """Predictions in the customer's form."""

    body: msgspec.Raw
    status: str = "ok"


def json_response(
    body: msgspec.Struct, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def predictions_of(result: RawResult) -> RawPredictions:
    """The predictions of a task somebody waited for.

    Raises what the task ended with instead: DeadlineExceeded, Conflict, PredictionFailed or
    what was wrong with its rows.
    """
    if result.status == "SUCCESS":
        done = decode_predictions(result)
        if _logger.isEnabledFor(logging.DEBUG):
            ids = {"task_id": result.task_id, "model_version": done.model_version}
            _logger.debug("answered", extra=ids)
        return done
    error = failure_of(result)
    if isinstance(error, errors.PredictionFailed):
        # That it failed; the worker has logged why.
        _logger.warning("the worker could not predict", extra={"task_id": result.task_id})
    try:
        raise error
    finally:
        del error  # else it and this frame would keep one another until they are collected


def failure_of(result: RawResult) -> errors.RegnoError:
    """The error that a FAILURE or REVOKED stands for."""
    failure = decode_failure(result)
    detail, *more = failure.exc_message
    if result.status == "REVOKED":
        if detail == EXPIRED:
            return errors.DeadlineExceeded("The task expired before a worker was free")
        return errors.Conflict("The task was cancelled")
    if failure.exc_type == errors.InvalidField.__name__:
        return errors.InvalidField(detail, more[0] if more else "")
    kinds = {kind.__name__: kind for kind in (errors.MalformedBody, errors.TooLarge)}
    return kinds.get(failure.exc_type, errors.PredictionFailed)(detail)


def task_answer(result: RawResult) -> TaskAnswer:
    """What a caller is told of a task.

    Raises UnknownTask for a result that this service did not write: others may keep theirs
    under Celery's keys too.
    """
    try:
        return _answer_of(result)
    except msgspec.DecodeError as error:
        raise errors.UnknownTask(f"{result.task_id} is no task of this service") from error


def _answer_of(result: RawResult) -> TaskAnswer:
    if result.status == "SUCCESS":
        done = decode_predictions(result)
        return TaskAnswer(result.task_id, "done", done.model_version, done.predictions)
    if result.status in ("PENDING", "STARTED"):
        return TaskAnswer(result.task_id, "queued")
    if result.status == "REVOKED":
        expired = decode_failure(result).exc_message == [EXPIRED]
        return TaskAnswer(result.task_id, "expired" if expired else "cancelled")
    problem = problem_of(failure_of(result), g.request_id)
    return TaskAnswer(result.task_id, "failed", error=problem)
