import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from celery import Celery, states
from celery.backends.base import Backend
from celery.exceptions import TaskRevokedError
from hypothesis import given
from hypothesis import strategies as st

from shared import results
from shared.errors import InvalidField
from shared.results import Failure, Prediction, Predictions

PREDICTIONS = Predictions("1234567890ab", [Prediction(0.25, 0.75), Prediction(1.0, 0.0)])
INVALID = Failure("InvalidField", ["Expected more", "/0/direction"])
KEYS = {"status", "result", "task_id", "date_done", "traceback", "children"}


@pytest.fixture(scope="module")
def celery_backend() -> Backend:
    """What an operator's Celery client reads results with."""
    app = Celery("client", set_as_current=False, broker="memory://", backend="cache+memory://")
    app.conf.result_serializer = "json"
    return app.backend


def as_celery(backend: Backend, encoded: bytes) -> dict[str, Any]:
    meta: dict[str, Any] = backend.decode_result(encoded)
    return meta


def test_a_success_is_in_celerys_form(celery_backend: Backend) -> None:
    meta = as_celery(celery_backend, results.encode_success("task", PREDICTIONS))
    assert set(meta) == KEYS
    assert (meta["status"], meta["task_id"]) == (states.SUCCESS, "task")
    assert meta["result"] == {
        "model_version": "1234567890ab",
        "predictions": [
            {"negative": 0.25, "positive": 0.75},
            {"negative": 1.0, "positive": 0.0},
        ],
    }


def test_a_failure_is_an_exception_to_celery(celery_backend: Backend) -> None:
    meta = as_celery(celery_backend, results.encode_failure("task", INVALID))
    assert set(meta) == KEYS
    assert meta["status"] == states.FAILURE
    assert isinstance(meta["result"], InvalidField)
    assert meta["result"].args == ("Expected more", "/0/direction") or (
        meta["result"].pointer == "/0/direction"
    )


def test_a_revoked_task_is_celerys_own_exception(celery_backend: Backend) -> None:
    meta = as_celery(celery_backend, results.encode_revoked("task", results.EXPIRED))
    assert set(meta) == KEYS
    assert meta["status"] == states.REVOKED
    assert isinstance(meta["result"], TaskRevokedError)
    assert meta["result"].args == ("expired",)


@pytest.mark.parametrize("status", ["PENDING", "STARTED"])
def test_a_task_without_an_outcome_has_none(celery_backend: Backend, status: Any) -> None:
    meta = as_celery(celery_backend, results.encode_unfinished(status, "task"))
    assert set(meta) == KEYS
    assert meta["status"] == status
    assert meta["status"] in states.UNREADY_STATES
    assert meta["result"] is None
    assert meta["date_done"] is None


def test_a_result_says_when_it_was_done() -> None:
    done = json.loads(results.encode_success("task", PREDICTIONS))["date_done"]
    assert datetime.now(UTC) - datetime.fromisoformat(done) < timedelta(minutes=1)


def test_a_result_lies_where_celery_looks_for_it() -> None:
    assert results.result_key("task") == "celery-task-meta-task"


def test_predictions_come_back_as_they_were_written() -> None:
    stored = results.decode_result(results.encode_success("task", PREDICTIONS))
    assert (stored.status, stored.task_id) == ("SUCCESS", "task")
    read = results.decode_predictions(stored)
    assert read.model_version == PREDICTIONS.model_version
    assert msgspec.json.decode(read.predictions, type=list[Prediction]) == PREDICTIONS.predictions


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_probability_loses_a_bit_on_the_way(negative: float, positive: float) -> None:
    encoded = results.encode_success("task", Predictions("v", [Prediction(negative, positive)]))
    [read] = json.loads(
        bytes(results.decode_predictions(results.decode_result(encoded)).predictions)
    )
    assert math.copysign(1, read["negative"]) == math.copysign(1, negative)
    assert (read["negative"], read["positive"]) == (negative, positive)


@pytest.mark.parametrize(
    ("encoded", "failure"),
    [
        (results.encode_failure("task", INVALID), INVALID),
        (
            results.encode_revoked("task", "expired"),
            Failure("TaskRevokedError", ["expired"], "celery.exceptions"),
        ),
    ],
)
def test_a_failure_comes_back_as_it_was_written(encoded: bytes, failure: Failure) -> None:
    assert results.decode_failure(results.decode_result(encoded)) == failure


def test_many_results_travel_in_one_message() -> None:
    encoded = [
        results.encode_success("one", PREDICTIONS),
        results.encode_failure("two", INVALID),
        results.encode_revoked("three", "expired"),
    ]
    read = results.decode_results(results.join_results(encoded))
    assert [(result.task_id, result.status) for result in read] == [
        ("one", "SUCCESS"),
        ("two", "FAILURE"),
        ("three", "REVOKED"),
    ]
    assert read == [results.decode_result(one) for one in encoded]


def test_no_results_are_an_empty_message() -> None:
    assert results.decode_results(results.join_results([])) == []


@pytest.mark.parametrize(
    "value",
    [b"", b"null", b"[]", b"{}", b'{"status":"ODD","result":1,"task_id":"t"}', b"\xff", b"{"],
)
def test_what_is_no_result_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        results.decode_result(value)


def pieces_of(all_versions: list[str], numbers: list[list[float]]) -> list[bytes]:
    return [
        results.encode_piece(Predictions(version, [Prediction(n, 1 - n) for n in some]))
        for version, some in zip(all_versions, numbers, strict=True)
    ]


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=1, max_size=6))
def test_pieces_put_together_are_the_text_of_the_whole(numbers: list[list[float]]) -> None:
    joined = results.join_pieces(pieces_of(["v"] * len(numbers), numbers))
    whole = Predictions("v", [Prediction(n, 1 - n) for some in numbers for n in some])
    stored = results.encode_success("task", whole)
    assert joined == results.decode_predictions(results.decode_result(stored))
    read = results.decode_result(results.encode_success("task", joined))
    assert read.result == results.decode_result(stored).result


@pytest.mark.parametrize(
    ("used", "named"),
    [
        (["a"], "a"),
        (["a", "a"], "a"),
        (["b", "a", "b"], "b+a"),
        (["c", "a", "a", "b", "c"], "c+a+b"),
    ],
)
def test_every_model_that_was_used_is_named_once_in_order(used: list[str], named: str) -> None:
    joined = results.join_pieces(pieces_of(used, [[0.5]] * len(used)))
    assert joined.model_version == named
