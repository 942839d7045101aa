from collections.abc import Iterator

import pytest

from api.answers import failure_of
from api.errors import STATUS, problem_of
from shared import errors
from shared.errors import RegnoError
from shared.results import (
    Failure,
    RawResult,
    decode_result,
    encode_failure,
    encode_revoked,
)

NEVER_LEAVES_THE_API = {
    errors.RegnoError,  # only its subclasses are raised
    errors.RetryLater,  # only its subclasses are raised
    errors.ModelMismatch,  # keeps a worker from starting
    errors.NotRegistered,  # a worker stores it for clients of Celery's
    errors.GivenUp,  # the api takes it for a PredictionFailed
    errors.InvalidSettings,  # keeps a process from starting
}


def subclasses(kind: type[RegnoError]) -> Iterator[type[RegnoError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


def an_error(kind: type[RegnoError]) -> RegnoError:
    if issubclass(kind, errors.InvalidField):
        return kind("what is wrong", "/0/direction")
    if issubclass(kind, errors.InvalidParameter):
        return kind("what is wrong", "timeout")
    return kind("what is wrong")


def test_every_error_that_a_caller_can_meet_has_a_status() -> None:
    assert set(STATUS) == set(subclasses(RegnoError)) - NEVER_LEAVES_THE_API


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.MalformedBody, 400),
        (errors.Unauthorised, 401),
        (errors.UnknownTask, 404),
        (errors.Conflict, 409),
        (errors.TooLarge, 413),
        (errors.UnsupportedContent, 415),
        (errors.UnsupportedCoding, 415),
        (errors.InvalidField, 422),
        (errors.InvalidParameter, 422),
        (errors.PredictionFailed, 500),
        (errors.BrokerUnavailable, 503),
        (errors.ResultStoreUnavailable, 503),
        (errors.DeadlineExceeded, 504),
    ],
)
def test_an_error_has_the_status_of_the_contract(kind: type[RegnoError], status: int) -> None:
    problem = problem_of(an_error(kind), "request")
    assert (problem.status, problem.detail, problem.request_id) == (
        status,
        "what is wrong",
        "request",
    )
    assert problem.title


def test_a_wrong_field_is_pointed_at() -> None:
    [field] = problem_of(errors.InvalidField("wrong", "/3/time_check"), "request").errors
    assert (field.pointer, field.parameter, field.detail) == ("/3/time_check", None, "wrong")


def test_a_wrong_parameter_is_named() -> None:
    [field] = problem_of(errors.InvalidParameter("wrong", "timeout"), "request").errors
    assert (field.pointer, field.parameter, field.detail) == (None, "timeout", "wrong")


def failed(*, kind: str, detail: str = "wrong", pointer: str | None = None) -> RawResult:
    message = [detail] if pointer is None else [detail, pointer]
    return decode_result(encode_failure("task", Failure(kind, message)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("MalformedBody", errors.MalformedBody),
        ("TooLarge", errors.TooLarge),
        ("InvalidField", errors.InvalidField),
        ("PredictionFailed", errors.PredictionFailed),
        ("SomethingElse", errors.PredictionFailed),
    ],
)
def test_what_a_worker_said_becomes_the_same_error(kind: str, expected: type[RegnoError]) -> None:
    error = failure_of(failed(kind=kind))
    assert type(error) is expected
    assert error.detail == "wrong"


def test_the_pointer_of_a_workers_error_is_kept() -> None:
    error = failure_of(failed(kind="InvalidField", pointer="/1/direction"))
    assert isinstance(error, errors.InvalidField)
    assert error.pointer == "/1/direction"


def test_an_expired_task_missed_its_deadline() -> None:
    result = decode_result(encode_revoked("task", "expired"))
    assert isinstance(failure_of(result), errors.DeadlineExceeded)


def test_a_cancelled_task_is_a_conflict() -> None:
    result = decode_result(encode_revoked("task", "cancelled"))
    assert isinstance(failure_of(result), errors.Conflict)
