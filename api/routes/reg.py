"""``POST /reg/``: the customer's contract, to the letter."""

import time

import msgspec
from flask import Blueprint, Response, g, request

from api.answers import CustomerAnswer, json_response, predictions_of
from api.cache_status import cache_status
from api.dispatch.dispatcher import Dispatcher
from api.request_rows import read_rows
from shared.rows import RowReader


def make_blueprint(dispatcher: Dispatcher, reader: RowReader, timeout: float) -> Blueprint:
    """``timeout`` in seconds: the contract has no way to ask for another."""
    blueprint = Blueprint("reg", __name__)

    @blueprint.post("/reg/", strict_slashes=False)
    def reg() -> Response:
        deadline = time.monotonic() + timeout
        rows, single = read_rows(request, reader)
        result, cache = dispatcher.predict(rows, deadline, g.request_id)
        predictions = predictions_of(result).predictions
        # One object asked, one object answered: the list's text without its brackets.
        body = msgspec.Raw(bytes(predictions)[1:-1]) if single else predictions
        return json_response(CustomerAnswer(body), headers=cache_status(cache))

    return blueprint
