"""``/openapi.json`` and the Swagger UI at ``/docs``, from files of an installed package."""

from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, redirect
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.wrappers import Response as BaseResponse

URL = "/docs"
DOCUMENT_URL = "/openapi.json"


def register_docs(app: Flask, document: dict[str, Any]) -> None:
    """The document is encoded once; the page asks nobody but this service for anything."""
    encoded = msgspec.json.encode(document)
    blueprint = Blueprint("docs", __name__)

    @blueprint.get(DOCUMENT_URL)
    def openapi() -> Response:
        return Response(encoded, content_type="application/json")

    @blueprint.get(URL)
    def docs() -> BaseResponse:
        return redirect(f"{URL}/")

    app.register_blueprint(blueprint)
    config = {"app_name": "pick_regno", "validatorUrl": None, "persistAuthorization": True}
    app.register_blueprint(get_swaggerui_blueprint(URL, DOCUMENT_URL, config=config))
