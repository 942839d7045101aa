"""The spans of dispatching: a message on its way to the broker, and an answer on its way back."""

import time
from collections.abc import Callable
from datetime import datetime

from opentelemetry.trace import SpanKind, StatusCode, Tracer

from api.dispatch.publisher import Done
from shared.errors import BrokerUnavailable
from shared.queues import Lane
from shared.results import RawResult
from shared.trace_context import TraceContext
from shared.tracing import parent_of, trace_of

_MICROSECONDS = 1_000_000


class DispatchSpans:
    """See ``api.dispatch.tracing.DispatchTracing``."""

    def __init__(self, tracer: Tracer, clock: Callable[[], int] = time.time_ns) -> None:
        """``clock`` gives Unix time in nanoseconds."""
        self._tracer = tracer
        self._clock = clock

    def publishing(
        self, request: TraceContext, lane: Lane, task_id: str, done: Done
    ) -> tuple[TraceContext, Done]:
        """See there. The span ends with the broker's confirm, or with the first refusal."""
        span = self._tracer.start_span(
            "publish",
            parent_of(request),
            SpanKind.PRODUCER,
            {
                "messaging.system": "rabbitmq",
                "messaging.operation.type": "send",
                "messaging.destination.name": lane.value,
                "celery.task_id": task_id,
            },
            start_time=self._clock(),
        )

        def finished(error: BrokerUnavailable | None) -> None:
            if span.is_recording():
                if error is not None:
                    span.set_status(StatusCode.ERROR, error.detail)
                span.end(self._clock())
            done(error)

        return trace_of(span, request.state), finished

    def heard(self, request: TraceContext, result: RawResult) -> None:
        """See there. The span begins when the worker had the answer ready, by its clock."""
        now = self._clock()
        ready = now
        if result.date_done is not None:
            seconds = datetime.fromisoformat(result.date_done).timestamp()
            ready = round(seconds * _MICROSECONDS) * 1000  # a float cannot tell them finer
        self._tracer.start_span(
            "reply",
            parent_of(request),
            SpanKind.CONSUMER,
            {"celery.task_id": result.task_id, "celery.state": result.status},
            start_time=min(ready, now),
        ).end(now)
