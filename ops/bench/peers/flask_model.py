"""Flask and gunicorn with the model in the process, no queue: the fastest simple thing."""

import os
from pathlib import Path

import msgspec
from flask import Flask, Response, request

from shared.results import Predictions
from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import load_model


def create() -> Flask:
    """An application that validates and answers as the service does, in this process."""
    app = Flask(__name__)
    reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
    model = load_model(Path(os.environ["REGNO_MODEL_URI"]))

    @app.post("/v1/predict")
    def predict() -> Response:
        rows, _ = reader.read_json(request.get_data())
        answer = Predictions(model.version, model.predict(rows))
        return Response(msgspec.json.encode(answer), content_type="application/json")

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    return app
