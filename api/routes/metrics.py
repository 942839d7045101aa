"""``/metrics``, and the counting of every request."""

import os
import time
from collections.abc import Callable
from functools import cache
from http import HTTPStatus

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shared.instruments import Count, Distribution
from shared.metrics import ApiMetrics


def make_blueprint(registry: CollectorRegistry, report: Callable[[], None]) -> Blueprint:
    """Prometheus text for this process, or for all of gunicorn's where they share a folder.

    ``report`` hands over what this process has counted; the others have done so within a second.
    """
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        report()
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

    @cache
    def durations(route: str) -> Distribution:
        return metrics.tallies.distribution(metrics.latency.labels(route))

    @cache
    def answers(route: str, method: str, status: int) -> tuple[Count, Distribution]:
        counters = [metrics.requests.labels(route, method, status)]
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            counters.append(metrics.deadline_misses.labels(route))
        return metrics.tallies.count(*counters), durations(route)

    def end(response: Response) -> Response:
        # Only what matched a route: anybody can make up paths and methods without end.
        matched = request.url_rule
        route, method = (matched.rule, request.method) if matched else ("unknown", "unknown")
        answered, took = answers(route, method, response.status_code)
        answered.add()
        took.add(time.perf_counter() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)
