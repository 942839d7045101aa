"""``POST /v1/predict``: an answer within the caller's own deadline."""

import time
from http import HTTPStatus

from flask import Blueprint, Response, g, request

from api.answers import PredictAnswer, json_response, predictions_of
from api.cache_status import cache_status
from api.dispatch.dispatcher import Dispatcher
from api.dispatch.task_store import is_terminal
from api.request_rows import read_rows
from api.routes.tasks import accepted
from api.server.gate import give_up_place
from api.timeouts import read_wish
from shared.errors import ResultStoreUnavailable, UnknownTask
from shared.results import RawResult
from shared.rows import RowReader
from shared.settings import ApiSettings


def make_blueprint(dispatcher: Dispatcher, reader: RowReader, settings: ApiSettings) -> Blueprint:
    """The synchronous call, and with ``Prefer: respond-async`` the one in between."""
    blueprint = Blueprint("predict", __name__, url_prefix="/v1")

    @blueprint.post("/predict")
    def predict() -> Response:
        wish = read_wish(request, settings.default_timeout, settings.max_timeout)
        deadline = time.monotonic() + wish.timeout
        rows, _ = read_rows(request, reader)
        headers = {"Preference-Applied": wish.applied, "Vary": "Prefer"} if wish.applied else {}
        if not wish.respond_async:
            result, cache = dispatcher.predict(rows, deadline, g.request_id)
            return _answer(result, headers | cache_status(cache))
        # It may outlive this request, so it goes where nothing accepted is lost.
        task_id = dispatcher.submit(rows, g.request_id)
        give_up_place(request.environ)
        try:
            result = dispatcher.wait(task_id, deadline)
        except (ResultStoreUnavailable, UnknownTask):  # Redis may have lost it, RabbitMQ has not
            return accepted(task_id, headers)  # it is: the caller must learn its id
        return _answer(result, headers) if is_terminal(result) else accepted(task_id, headers)

    return blueprint


def _answer(result: RawResult, headers: dict[str, str]) -> Response:
    done = predictions_of(result)
    answer = PredictAnswer(result.task_id, done.model_version, done.predictions)
    return json_response(answer, HTTPStatus.OK, headers)
