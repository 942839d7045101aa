"""What one writes first: Flask, ``delay().get()``, Celery's prefork pool, results in Redis."""

import os
from pathlib import Path
from typing import Any

import msgspec
from celery import Celery
from flask import Flask, Response, request

from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import Model, load_model

celery = Celery("naive", broker=os.environ["NAIVE_BROKER"], backend=os.environ["NAIVE_BACKEND"])
celery.conf.update(task_default_queue="naive", worker_prefetch_multiplier=4)

_READER = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
_models: list[Model] = []


@celery.task(name="naive.predict")  # type: ignore[untyped-decorator]
def predict(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Predicts in a pool process, which loads the model with its first task."""
    if not _models:
        _models.append(load_model(Path(os.environ["REGNO_MODEL_URI"])))
    predictions = _models[0].predict(_READER.read_objects(rows))
    return [{"negative": p.negative, "positive": p.positive} for p in predictions]


def create() -> Flask:
    """The front door."""
    app = Flask(__name__)

    @app.post("/v1/predict")
    def call() -> Response:
        rows = request.get_json()
        answer = predict.delay(rows if isinstance(rows, list) else [rows]).get(timeout=30)
        return Response(msgspec.json.encode({"predictions": answer}))

    @app.get("/readyz")
    def readyz() -> str:
        return "ready"

    return app
