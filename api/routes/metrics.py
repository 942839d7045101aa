"""``/metrics``, and the counting of every request."""

import os
import time
from functools import cache

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from shared.metrics import ApiMetrics


def make_blueprint(registry: CollectorRegistry) -> Blueprint:
    """Prometheus text for this process, or for all of gunicorn's where they share a folder."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        shown = registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            shown = CollectorRegistry()
            MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
        return Response(generate_latest(shown), content_type=CONTENT_TYPE_LATEST)

    return blueprint


def count_requests(app: Flask, metrics: ApiMetrics) -> None:
    """Counts and times every request by its route, never by its raw path."""

    def begin() -> None:
        g.began = time.perf_counter()

    @cache  # looking labels up costs more than counting
    def counters(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        return metrics.requests.labels(route, method, status), metrics.latency.labels(route)

    def end(response: Response) -> Response:
        # Only what matched a route: anybody can make up paths and methods without end.
        matched = request.url_rule
        route, method = (matched.rule, request.method) if matched else ("unknown", "unknown")
        count, latency = counters(route, method, response.status_code)
        count.inc()
        latency.observe(time.perf_counter() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)
