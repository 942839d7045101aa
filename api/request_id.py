"""An id for every request: the caller's own where it sent one, in every answer and log line."""

import random
import re

from flask import Flask, Response, g, request

from shared import log

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id_for(sent: str) -> str:
    """The id the caller sent; a new one where it sent none or one that could break a log line."""
    if sent and _ACCEPTABLE.fullmatch(sent):
        return sent
    return f"{random.getrandbits(128):032x}"


def add_request_ids(app: Flask) -> None:
    """Sets ``g.request_id``, and has what is logged meanwhile carry it."""

    def assign() -> None:
        g.request_id = request_id_for(request.headers.get(HEADER, ""))
        log.bind(request_id=g.request_id)

    def echo(response: Response) -> Response:
        response.headers[HEADER] = g.request_id
        return response

    app.before_request(assign)
    app.after_request(echo)
