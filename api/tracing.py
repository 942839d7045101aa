"""The trace of each request: taken from its headers, and begun where it has none."""

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, after_this_request, g, request

from api.auth import OPEN_BLUEPRINTS
from api.dispatch.tracing import CURRENT_TRACE
from shared.trace_context import TraceContext, read_trace

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def carry_traces(app: Flask) -> None:
    """Has messages carry the traces that requests come with."""

    def begin() -> None:
        CURRENT_TRACE.set(_sent())

    app.before_request(begin)


def trace_requests(app: Flask, tracer: "Tracer") -> None:
    """Makes a span of each request for predictions or tasks; messages continue from it.

    A request that nobody records costs next to nothing, and its messages carry no trace.
    """
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - only where it is used

    from shared.tracing import parent_of, trace_of, traces_of  # noqa: PLC0415 - likewise

    begins = traces_of(tracer).begins

    def begin() -> None:
        sent = _sent()
        rule = request.url_rule if sent is not None or begins("request") else None
        if rule is None or request.blueprint in OPEN_BLUEPRINTS:
            CURRENT_TRACE.set(sent)
            return
        span = tracer.start_span(
            f"{request.method} {rule.rule}",
            parent_of(sent),
            SpanKind.SERVER,
            {
                "http.request.method": request.method,
                "http.route": rule.rule,
                "regno.request_id": g.request_id,
            },
            start_time=time.time_ns(),
        )

        def end(response: Response) -> Response:
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
            span.end(time.time_ns())
            return response

        after_this_request(end)
        CURRENT_TRACE.set(trace_of(span, sent.state if sent else ""))

    app.before_request(begin)


def _sent() -> TraceContext | None:
    environ = request.environ
    parent = environ.get("HTTP_TRACEPARENT")
    return None if parent is None else read_trace(parent, environ.get("HTTP_TRACESTATE"))
