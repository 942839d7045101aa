"""What caches between here and the caller may keep: only the files of the documentation page."""

from flask import Flask, Response, request

from api.auth import HEADER, OPEN_BLUEPRINTS

NO_STORE = "no-store"


def forbid_caching(app: Flask) -> None:
    """Forbids every cache to store an answer, other than one that says how long it lasts.

    An answer that depends on request headers names them, for caches that store it nevertheless.
    """

    def forbid(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", NO_STORE)
        if request.blueprint not in OPEN_BLUEPRINTS:
            response.headers["Vary"] = f"{HEADER}, Prefer"
        return response

    app.after_request(forbid)
