"""``/openapi.json`` and the Swagger UI at ``/docs``, from files of an installed package."""

from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, redirect
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.wrappers import Response as BaseResponse

URL = "/docs"
DOCUMENT_URL = "/openapi.json"


def register_docs(app: Flask, document: dict[str, Any], root_path: str) -> None:
    """The document is encoded once; the page asks nobody but this service for anything.

    ``root_path`` is what a proxy has before every path of this service; may be empty.
    """
    encoded = msgspec.json.encode(document)
    blueprint = Blueprint("docs", __name__)

    @blueprint.get(DOCUMENT_URL)
    def openapi() -> Response:
        return Response(encoded, content_type="application/json")

    @blueprint.get("/")
    @blueprint.get(URL)
    def docs() -> BaseResponse:
        return redirect(f"{root_path}{URL}/")

    app.register_blueprint(blueprint)
    config = {"app_name": "pick_regno", "validatorUrl": None, "persistAuthorization": True}
    page = get_swaggerui_blueprint(root_path + URL, root_path + DOCUMENT_URL, config=config)
    app.register_blueprint(page, url_prefix=URL)
