"""The OpenAPI 3.1 document, its schemas generated from the types that validate."""

import csv
import io
from typing import Any

import msgspec

from api import auth, cache_status
from api.answers import CustomerAnswer, PredictAnswer, TaskAnswer
from api.errors import PROBLEM_JSON, CustomerFailure, Problem
from api.request_body import CHARSETS, CODING, CSV, JSON
from api.routes.health import Liveness, Readiness
from shared.results import VERSION_JOINT, Prediction
from shared.rows import FIELDS, RowReader
from shared.settings import ApiSettings

VERSION = "0.1.0"

_PROBLEMS = {
    400: "The body is not what its content type says",
    401: "No API key, or a wrong one",
    404: "The task id was never issued, or its result has been dropped",
    409: "It does not fit the state the task or the key is in",
    413: "Too many rows or bytes",
    415: "Neither JSON nor CSV, or a charset or a content coding that is not read",
    422: "A field is wrong; the answer names it",
    500: "The service failed",
    503: "It cannot be taken now; see Retry-After",
    504: "The deadline passed",
}
_POST_PROBLEMS = (400, 401, 413, 415, 422, 500, 503)


def openapi_document(settings: ApiSettings, reader: RowReader) -> dict[str, Any]:
    """The document, with the limits of these settings in it."""
    types = (
        reader.rows_type, Prediction, PredictAnswer, TaskAnswer, CustomerAnswer,
        CustomerFailure, Problem, Liveness, Readiness,
    )  # fmt: skip
    (rows, *_), components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    _describe_predictions(components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pick_regno",
            "version": VERSION,
            "description": "How likely a neural network's reading of a licence plate should be "
            "picked over the camera's.",
        },
        "servers": [{"url": settings.root_path or "/"}],
        "security": [{"key": []}],
        "paths": _paths(settings, _body(settings, rows, _csv_example(components["Row"]))),
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": auth.HEADER}},
        },
    }


def _describe_predictions(components: dict[str, Any]) -> None:
    """The types pass predictions on as raw JSON; the document says what is in it."""
    prediction = _ref("Prediction")
    many = {"type": "array", "items": prediction}
    components["PredictAnswer"]["properties"]["predictions"] = many
    components["TaskAnswer"]["properties"]["predictions"] = many
    components["CustomerAnswer"]["properties"]["body"] = {"anyOf": [prediction, many]}
    for answer in ("PredictAnswer", "TaskAnswer"):
        components[answer]["properties"]["model_version"]["description"] = (
            "The model's version. Where workers with several models shared a large array, all "
            f"versions, joined by `{VERSION_JOINT}`."
        )


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any], kind: str = JSON) -> dict[str, Any]:
    return {kind: {"schema": schema}}


def _answers(good: dict[int, tuple[str, str]], bad: tuple[int, ...]) -> dict[str, Any]:
    """Responses: status to (description, schema name), and the problems by status."""
    answers: dict[str, Any] = {
        str(status): {"description": text, "content": _content(_ref(schema))}
        for status, (text, schema) in good.items()
    }
    for status in bad:
        answers[str(status)] = {
            "description": _PROBLEMS[status],
            "content": _content(_ref("Problem"), PROBLEM_JSON),
        }
    return answers


def _customer_answers() -> dict[str, Any]:
    answers = _answers({200: ("The predictions, in the order sent", "CustomerAnswer")}, ())
    for status in (*_POST_PROBLEMS, 504):
        answers[str(status)] = {
            "description": _PROBLEMS[status],
            "content": _content(_ref("CustomerFailure")),
        }
    return answers


def _say_of_the_cache(settings: ApiSettings, answers: dict[str, Any]) -> dict[str, Any]:
    """The answers of a synchronous call: with a cache, good ones say whether they came from it."""
    if settings.cache_ttl:
        answers["200"]["headers"] = {
            cache_status.HEADER: {
                "description": "Whether an identical request was answered before (`hit`), is in "
                "flight (`collapsed`) or neither (RFC 9211). In all three the answer is that of "
                "the task which computed it, `task_id` included. A result is kept for "
                f"{settings.cache_ttl:g} s.",
                "schema": {"type": "string"},
                "example": cache_status.VALUES["hit"],
            }
        }
    return answers


def _csv_example(row: dict[str, Any]) -> str:
    """The header row and one line, from the examples of a row's fields."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([FIELDS, [row["properties"][field]["examples"][-1] for field in FIELDS]])
    return text.getvalue()


def _body(settings: ApiSettings, rows: dict[str, Any], example: str) -> dict[str, Any]:
    return {
        "description": f"At most {settings.max_rows} rows in {settings.max_body_bytes} bytes, "
        f"before and after `Content-Encoding: {CODING}` is undone. UTF-8 by default; `charset` may "
        f"be {', '.join(CHARSETS)}. CSV is separated by commas, or by semicolons or tabs with "
        "decimal commas.",
        "required": True,
        "content": {
            JSON: {"schema": {"anyOf": [_ref("Row"), rows]}},
            CSV: {"schema": {"type": "string"}, "example": example},
        },
    }


def _seconds(name: str, longest: float, text: str) -> dict[str, Any]:
    schema = {"type": "number", "minimum": 0, "maximum": longest}
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _header(name: str, text: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": text,
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "example": example,
    }


def _paths(settings: ApiSettings, body: dict[str, Any]) -> dict[str, Any]:
    longest = settings.max_timeout
    task_id = {"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}
    prefer = {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=` seconds; `respond-async` for 202 instead of 504 (RFC 7240).",
        "schema": {"type": "string"},
    }
    return {
        "/reg/": {
            "post": {
                "operationId": "reg",
                "summary": "Predict, in the customer's form",
                "requestBody": body,
                "responses": _say_of_the_cache(settings, _customer_answers()),
            }
        },
        "/v1/predict": {
            "post": {
                "operationId": "predict",
                "summary": "Predict, and wait for the answer",
                "parameters": [
                    _seconds("timeout", longest, "How long to wait, in seconds."),
                    prefer,
                ],
                "requestBody": body,
                "responses": _say_of_the_cache(
                    settings,
                    _answers(
                        {
                            200: ("The predictions, in the order sent", "PredictAnswer"),
                            202: ("Not done within the wait that was preferred", "TaskAnswer"),
                        },
                        (*_POST_PROBLEMS, 504),
                    ),
                ),
            }
        },
        "/v1/tasks": {
            "post": {
                "operationId": "createTask",
                "summary": "Accept now, answer later",
                "parameters": [
                    _header(
                        "Idempotency-Key",
                        "The same key and body are the same task, for 24 hours.",
                        "order-4711",
                    )
                ],
                "requestBody": body,
                "responses": _answers(
                    {202: ("Accepted; Location is where its state is", "TaskAnswer")},
                    (*_POST_PROBLEMS, 409),
                ),
            }
        },
        "/v1/tasks/{task_id}": {
            "parameters": [task_id],
            "get": {
                "operationId": "showTask",
                "summary": "The state of a task, and its predictions once done",
                "parameters": [
                    _seconds("wait", longest, "Wait so many seconds for the task to end.")
                ],
                "responses": _answers(
                    {200: ("The task's state", "TaskAnswer")}, (401, 404, 422, 503)
                ),
            },
            "delete": {
                "operationId": "cancelTask",
                "summary": "Cancel a task that has not started",
                "responses": _answers(
                    {200: ("It is cancelled", "TaskAnswer")}, (401, 404, 409, 503)
                ),
            },
        },
        "/livez": {
            "get": {
                "operationId": "livez",
                "summary": "The process is up",
                "security": [],
                "responses": _answers({200: ("It is", "Liveness")}, ()),
            }
        },
        "/readyz": {
            "get": {
                "operationId": "readyz",
                "summary": "The process can serve: broker, Redis and at least one worker; "
                "`degraded` where it can do so in one lane only",
                "security": [],
                "responses": _answers(
                    {200: ("It can", "Readiness"), 503: ("A part is missing", "Readiness")}, ()
                ),
            }
        },
    }
