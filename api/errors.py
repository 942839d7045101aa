"""The one table from errors to HTTP, and the two forms in which an error is told."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api import request_body
from api.server.messages import BODY
from shared import errors
from shared.log import SENT_FIELD
from shared.metrics import Unexpected, Where

_logger = logging.getLogger(__name__)

STATUS: dict[type[errors.RegnoError], HTTPStatus] = {
    errors.MalformedBody: HTTPStatus.BAD_REQUEST,
    errors.Unauthorised: HTTPStatus.UNAUTHORIZED,
    errors.UnknownTask: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedContent: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UnsupportedCoding: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidField: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidParameter: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PredictionFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.BrokerUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ResultStoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
}

PROBLEM_JSON = "application/problem+json"


class FieldProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field or parameter."""

    detail: str
    pointer: str | None = None
    """JSON pointer (RFC 6901) into the body."""
    parameter: str | None = None
    """Name of a query parameter or header."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 tells it."""

    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = []


class CustomerFailure(msgspec.Struct, frozen=True):
    """An error as the customer's contract tells it."""

    body: str
    status: str = "fail"


def problem_of(error: errors.RegnoError, request_id: str) -> Problem:
    """The error as a problem document."""
    status = STATUS[type(error)]
    fields = []
    if isinstance(error, errors.InvalidField):
        fields = [FieldProblem(error.detail, pointer=error.pointer)]
    elif isinstance(error, errors.InvalidParameter):
        fields = [FieldProblem(error.detail, parameter=error.parameter)]
    return Problem(status.phrase, status, error.detail, request_id, fields)


def _customer_text(problem: Problem) -> str:
    """One line that names the field too: the customer's form has no other place for it."""
    places = [field.pointer or field.parameter for field in problem.errors]
    named = [place for place in places if place]
    return f"{', '.join(named)}: {problem.detail}" if named else problem.detail


def _respond(problem: Problem, headers: dict[str, str]) -> Response:
    if request.path.rstrip("/") == "/reg":
        body: Any = CustomerFailure(_customer_text(problem))
        content_type = "application/json"
    else:
        body, content_type = problem, PROBLEM_JSON
    return Response(msgspec.json.encode(body), problem.status, headers, content_type=content_type)


def _on_regno_error(error: errors.RegnoError) -> Response:
    is_ours = not isinstance(error, errors.PredictionFailed)  # that one, the worker has logged
    if is_ours and STATUS[type(error)] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.warning("request %s failed: %s", g.request_id, error.detail)
    headers = {}
    if isinstance(error, errors.RetryLater):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorised):
        headers["WWW-Authenticate"] = 'ApiKey header="x-api-key"'
        headers["Vary"] = "x-api-key"
    if isinstance(error, errors.UnsupportedContent):  # RFC 9110 section 15.5.16
        if isinstance(error, errors.UnsupportedCoding):
            headers["Accept-Encoding"] = request_body.CODING
        else:
            headers["Accept"] = ", ".join(request_body.MEDIA_TYPES)
    return _respond(problem_of(error, g.request_id), headers)


def _on_http_exception(error: HTTPException) -> Response:
    code = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return _respond(Problem(code.phrase, code, error.description or "", g.request_id), headers)


def _on_bug(error: Exception) -> Response:
    sent = {SENT_FIELD: request.environ.get(BODY)}
    _logger.error("request %s failed", g.request_id, exc_info=error, extra=sent)
    code = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "The service failed; the request id finds it in the logs"
    return _respond(Problem(code.phrase, code, detail, g.request_id), {})


def register_error_handlers(app: Flask, unexpected: Unexpected) -> None:
    """Every error, ours, Flask's or a bug, leaves as a problem or in the customer's form."""

    def on_bug(error: Exception) -> Response:
        unexpected(Where.ROUTE)
        return _on_bug(error)

    app.register_error_handler(errors.RegnoError, _on_regno_error)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(Exception, on_bug)
