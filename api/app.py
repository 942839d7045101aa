"""The Flask application: routes and what surrounds each request. Nothing connects in here."""

from pathlib import Path

from flask import Flask
from prometheus_client import CollectorRegistry
from redis import Redis

from api.auth import ApiKeys, require_api_key
from api.dispatch.dispatcher import Dispatcher
from api.errors import register_error_handlers
from api.framework import Application
from api.openapi import openapi_document
from api.request_id import add_request_ids
from api.routes import health, metrics, predict, reg, tasks
from api.routes.docs import register_docs
from shared.metrics import ApiMetrics
from shared.rows import RowReader
from shared.settings import ApiSettings


def create_app(
    settings: ApiSettings,
    dispatcher: Dispatcher,
    redis: Redis,
    registry: CollectorRegistry,
    api_metrics: ApiMetrics,
) -> Flask:
    """The front door on a dispatcher that somebody else starts and stops.

    ``registry`` is what ``/metrics`` shows; ``api_metrics`` are among it.
    """
    app = Application(__name__, settings.root_path)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    reader = RowReader(settings)
    metrics.count_requests(app, api_metrics)
    add_request_ids(app)
    require_api_key(app, ApiKeys(settings.api_keys))
    register_error_handlers(app, api_metrics.unexpected)
    app.register_blueprint(reg.make_blueprint(dispatcher, reader, settings.default_timeout))
    app.register_blueprint(predict.make_blueprint(dispatcher, reader, settings))
    app.register_blueprint(tasks.make_blueprint(dispatcher, reader, settings))
    app.register_blueprint(health.make_blueprint(dispatcher, redis, Path(settings.drain_file)))
    app.register_blueprint(metrics.make_blueprint(registry, api_metrics.tallies.report))
    register_docs(app, openapi_document(settings, reader), settings.root_path)
    return app
