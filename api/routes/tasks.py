"""``/v1/tasks``: accept now, answer later."""

import hashlib
import re
import time
from http import HTTPStatus

from flask import Blueprint, Response, g, request

from api import auth
from api.answers import TaskAnswer, json_response, task_answer
from api.dispatch.dispatcher import Dispatcher
from api.request_body import body_of
from api.request_rows import read_rows
from api.timeouts import seconds_parameter
from shared.errors import Conflict, InvalidParameter
from shared.rows import RowReader
from shared.settings import ApiSettings

IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def make_blueprint(dispatcher: Dispatcher, reader: RowReader, settings: ApiSettings) -> Blueprint:
    """The asynchronous calls."""
    blueprint = Blueprint("tasks", __name__, url_prefix="/v1")

    @blueprint.post("/tasks")
    def create() -> Response:
        key = _idempotency_key()
        body = b"" if key is None else request.mimetype.encode() + b"\n" + body_of(request)
        rows, _ = read_rows(request, reader)
        if key is None:
            return accepted(dispatcher.submit(rows, g.request_id), {})
        return accepted(dispatcher.submit_once(rows, g.request_id, key, body), {})

    @blueprint.get("/tasks/<task_id>")
    def show(task_id: str) -> Response:
        wait = seconds_parameter(request, "wait", 0.0, settings.max_timeout)
        result = dispatcher.wait(task_id, time.monotonic() + wait)
        return json_response(task_answer(result), headers={"Vary": auth.HEADER})

    @blueprint.delete("/tasks/<task_id>")
    def cancel(task_id: str) -> Response:
        before = dispatcher.cancel(task_id)
        if before.status == "PENDING":
            return json_response(TaskAnswer(task_id, "cancelled"))
        answer = task_answer(before)
        if answer.status == "cancelled":
            return json_response(answer)
        state = "being computed" if before.status == "STARTED" else answer.status
        raise Conflict(f"The task cannot be cancelled any more: it is {state}")

    return blueprint


def accepted(task_id: str, headers: dict[str, str]) -> Response:
    """202: the task is in the broker's keeping."""
    headers = {**headers, "Location": f"{request.script_root}/v1/tasks/{task_id}"}
    return json_response(TaskAnswer(task_id, "queued"), HTTPStatus.ACCEPTED, headers)


def _idempotency_key() -> str | None:
    """The caller's key, told apart from the same key of a caller with another API key."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidParameter("Expected 1 to 255 printable ASCII characters", IDEMPOTENCY_KEY)
    caller = hashlib.sha256(request.headers[auth.HEADER].encode()).hexdigest()
    return f"{caller} {key}"
