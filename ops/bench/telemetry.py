"""``python -m ops.bench.telemetry``: what logs, errors and traces cost, part by part.

CPU time of the very code that a request goes through, without sockets: microseconds for one
request, the best of several rounds.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from flask import Flask, Response, g
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Tracer

from api.dispatch.spans import DispatchSpans
from api.dispatch.tracing import CURRENT_TRACE
from api.framework import Application
from api.request_id import add_request_ids
from api.server.messages import run_app
from api.tracing import carry_traces, trace_requests
from shared.log import SENT_FIELD, JsonFormatter
from shared.queues import Lane
from shared.redact import Redactor
from shared.results import Failure, decode_result, encode_failure
from shared.rows import Row
from shared.tracing import Traces
from worker.ends import SUCCEEDED
from worker.job import Job
from worker.store import Outcome
from worker.tracing import BatchTracing, Interval

_ROUNDS = 9
_REQUESTS = 320
_BATCH = 32
_ROW = Row("А016ВК797", "А016ВК777", 15.4, 0.64, [0.99] * 9, [0.99] * 3, "a", "b", "2021", 0)
_RESULT = decode_result(encode_failure("task", Failure("Error", ["why"])))


class _Encoding(SpanExporter):
    """Encodes as the real exporter does, and sends to nobody."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See OpenTelemetry."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def _tracer(ratio: float) -> tuple[Tracer, Callable[[], object]]:
    """A tracer of this ratio, and what waits until its spans are encoded."""
    sampler = ParentBased(TraceIdRatioBased(ratio))
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False, id_generator=Traces(sampler))
    processor = BatchSpanProcessor(
        _Encoding(), max_queue_size=100_000, max_export_batch_size=64, schedule_delay_millis=100
    )
    provider.add_span_processor(processor)
    return provider.get_tracer("bench"), provider.force_flush


Work = Callable[[], object]


def _best(works: Mapping[str, tuple[Work, int]]) -> dict[str, float]:
    """Microseconds of CPU for one request of each, all threads of the process counted.

    The works take turns, so that a change of the machine's speed meets them all.
    """
    best = dict.fromkeys(works, math.inf)
    for _ in range(_ROUNDS):
        for name, (work, requests) in works.items():
            began = time.process_time()
            work()
            best[name] = min(best[name], (time.process_time() - began) / requests * 1e6)
    return best


def _api(ids: bool, tracer: Tracer | None, carries: bool) -> Flask:
    """The application's hooks around a view that only does what dispatching adds for traces."""
    app = Application(__name__, root_path="")
    spans = None if tracer is None else DispatchSpans(tracer)

    def view() -> Response:
        trace = CURRENT_TRACE.get()
        if spans is not None and trace is not None and trace.sampled:
            _, done = spans.publishing(trace, Lane.SYNC, "task", lambda _: None)
            done(None)
            spans.heard(trace, _RESULT)
        return Response(b"")

    app.add_url_rule("/v1/predict", view_func=view, methods=["POST"])
    if ids:
        add_request_ids(app)
    else:
        app.before_request(lambda: setattr(g, "request_id", "x"))
    if tracer is not None:
        trace_requests(app, tracer)
    elif carries:
        carry_traces(app)
    return app


def _requests(app: Flask, flush: Callable[[], object]) -> Callable[[], None]:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/v1/predict", "SERVER_NAME": "x",
        "SERVER_PORT": "1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
    }  # fmt: skip

    def work() -> None:
        for _ in range(_REQUESTS):
            run_app(app, dict(environ))
        flush()

    return work


def _batches(tracer: Tracer, flush: Callable[[], object], traced: int) -> Callable[[], None]:
    """Batches of ``_BATCH`` jobs of which ``traced`` are traced."""
    parent = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "published_at": "1700000000.000000"}
    jobs = [
        Job(
            f"task-{n}", Lane.SYNC, [_ROW], None, None, None, "request",
            cast("Any", SimpleNamespace(headers=parent if n < traced else {})),
        )
        for n in range(_BATCH)
    ]  # fmt: skip
    encoded = encode_failure("task", Failure("Error", ["why"]))
    outcomes = [Outcome(job, encoded, SUCCEEDED) for job in jobs]
    tracing = BatchTracing(tracer, "version", time.time)

    def work() -> None:
        for _ in range(_REQUESTS // _BATCH):
            tracing.taken(jobs)
            tracing.predicted(jobs, Interval(tracing.clock(), tracing.clock()))
            tracing.stored(outcomes, Interval(tracing.clock(), tracing.clock()))
        flush()

    return work


def _lines(sent: object) -> Callable[[], None]:
    formatter = JsonFormatter("worker", Redactor(["a-key-of-some-length"]))
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "request %s failed", ("r",), None)
    if sent is not None:
        error = ValueError("bad value")
        record.exc_info = (ValueError, error, None)
        record.__dict__[SENT_FIELD] = sent

    def work() -> None:
        for _ in range(_REQUESTS):
            formatter.format(record)

    return work


def main() -> None:
    """Prints a table."""
    always, flush_always = _tracer(1.0)
    hundredth, flush_hundredth = _tracer(0.01)

    def none() -> None:
        pass

    whole = _REQUESTS // _BATCH * _BATCH
    best = _best(
        {
            "bare": (_requests(_api(False, None, False), none), _REQUESTS),
            "ids": (_requests(_api(True, None, False), none), _REQUESTS),
            "off": (_requests(_api(True, None, True), none), _REQUESTS),
            "hundredth": (_requests(_api(True, hundredth, False), flush_hundredth), _REQUESTS),
            "every": (_requests(_api(True, always, False), flush_always), _REQUESTS),
            "batch, none": (_batches(always, flush_always, 0), whole),
            "batch, every": (_batches(always, flush_always, _BATCH), whole),
            "line": (_lines(None), _REQUESTS),
            "long line": (_lines([_ROW]), _REQUESTS),
        }
    )
    rows = [
        ("api: the application without any of it", best["bare"]),
        ("api: an id for every request, bound for logs", best["ids"] - best["bare"]),
        ("api: no collector, headers passed on", best["off"] - best["ids"]),
        ("api: a collector, 1 request in 100 recorded", best["hundredth"] - best["ids"]),
        ("api: a collector, every request recorded", best["every"] - best["ids"]),
        ("worker: a collector, none recorded", best["batch, none"]),
        ("worker: a collector, every request recorded", best["batch, every"]),
        ("a log line", best["line"]),
        ("a log line of a row that failed", best["long line"]),
    ]
    for what, microseconds in rows:
        sys.stdout.write(f"| {what} | {microseconds:.1f} |\n")


if __name__ == "__main__":
    main()
