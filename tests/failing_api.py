"""A front door with a route that fails, and says so with what it was sent."""

from flask import Flask, Response, request

from api import wsgi


def create() -> Flask:
    """The application that gunicorn is given."""
    app = wsgi.create()

    def fail() -> Response:
        plate = request.get_json()["afts_regno_ai"]
        key = request.headers["x-api-key"]
        raise ValueError(f"cannot read {plate!r} for {key}")

    app.add_url_rule("/v1/bug", view_func=fail, methods=["POST"])
    return app
