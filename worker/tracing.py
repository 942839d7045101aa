"""The spans of a batch: made of the instants that were noted on the way, once it is stored.

Every member whose request is traced gets spans of its own, which share the batch's id: one trace
tells all of one request. Nothing here is made for a worker without a tracer.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import Attributes

from shared.results import decode_result
from shared.trace_context import TRACEPARENT, TRACESTATE, TraceContext, read_trace
from shared.tracing import parent_of
from worker.gather import Piece
from worker.job import Job
from worker.predictor import BatchPredictor
from worker.store import Outcome, ResultStore

_MICROSECONDS = 1_000_000


class Interval(NamedTuple):
    """From when to when: Unix time in nanoseconds."""

    began: int
    ended: int


class BatchTracing:
    """Notes what happens to the batch in hand, and makes its spans."""

    def __init__(
        self,
        tracer: Tracer,
        model_version: str,
        wall_clock: Callable[[], float],
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """``wall_clock`` gives Unix time in seconds, by the clock that messages are stamped by.

        ``clock`` gives it in nanoseconds by this machine's own, which spans tell.
        """
        self.clock = clock
        self._wall_clock = wall_clock
        self._tracer = tracer
        self._model_version = model_version
        self._taken = 0
        self._taken_at = 0.0
        self._predicted: dict[str, Interval] = {}
        self._shared: dict[str, Any] = {}

    def taken(self, jobs: Sequence[Job]) -> None:
        """A batch begins."""
        self._taken_at = self._wall_clock()
        self._taken = self.clock()
        self._predicted = {}
        self._shared = {
            "regno.batch.id": f"{random.getrandbits(64):016x}",
            "regno.batch.requests": len(jobs),
            "regno.batch.rows": sum(len(job.rows) for job in jobs),
            "regno.model_version": self._model_version,
        }

    def predicted(self, jobs: Sequence[Job], when: Interval) -> None:
        """Some of its rows are predicted. Of several tries at a job the last counts, told first."""
        for job in jobs:
            self._predicted.setdefault(job.task_id, when)

    def stored(self, outcomes: Sequence[Outcome], when: Interval) -> None:
        """It is done."""
        for outcome in outcomes:
            headers = outcome.job.message.headers
            trace = read_trace(headers.get(TRACEPARENT), headers.get(TRACESTATE))
            if trace is not None and trace.sampled:
                self._trace(outcome, trace, when)

    def _trace(self, outcome: Outcome, trace: TraceContext, stored: Interval) -> None:
        job = outcome.job
        publish = parent_of(trace)
        if job.published_at is not None:
            waited = round((self._taken_at - job.published_at) * _MICROSECONDS) * 1000
            began = self._taken - max(0, waited)
            self._span("queue wait", publish, Interval(began, self._taken))
        batch = self._tracer.start_span(
            "batch",
            publish,
            SpanKind.CONSUMER,
            self._attributes(outcome),
            start_time=self._taken,
        )
        inside = set_span_in_context(batch, Context())
        predicted = self._predicted.get(job.task_id)
        if predicted is not None:
            self._span("predict", inside, predicted)
        self._span("store", inside, stored)
        if _failed(outcome):
            batch.set_status(StatusCode.ERROR)
        batch.end(stored.ended)

    def _span(self, name: str, context: Context, when: Interval) -> None:
        self._tracer.start_span(name, context, start_time=when.began).end(when.ended)

    def _attributes(self, outcome: Outcome) -> Attributes:
        job = outcome.job
        return {
            **self._shared,
            "regno.request_id": job.request_id,
            "celery.task_id": job.task_id,
            "messaging.system": "rabbitmq",
            "messaging.operation.type": "process",
            "messaging.destination.name": job.lane.value,
        }


def _failed(outcome: Outcome) -> bool:
    encoded = outcome.encoded
    if encoded is None or isinstance(encoded, Piece):
        return False
    return decode_result(encoded).status == "FAILURE"


class TracedPredictor(BatchPredictor):
    """Tells when it was given a batch, and when it had which of its jobs predicted."""

    def __init__(self, tracing: BatchTracing, *parts: Any, **clocks: Any) -> None:
        """``parts`` and ``clocks`` are ``BatchPredictor``'s."""
        super().__init__(*parts, **clocks)
        self._tracing = tracing

    def outcomes(self, jobs: Sequence[Job]) -> list[Outcome]:
        """See ``BatchPredictor``."""
        self._tracing.taken(jobs)
        return super().outcomes(jobs)

    def _predicted(self, jobs: Sequence[Job]) -> list[Outcome]:
        began = self._tracing.clock()
        outcomes = super()._predicted(jobs)
        self._tracing.predicted(jobs, Interval(began, self._tracing.clock()))
        return outcomes


class TracedStore(ResultStore):
    """Tells when it had stored which outcomes."""

    def __init__(self, tracing: BatchTracing, *parts: Any) -> None:
        """``parts`` are ``ResultStore``'s."""
        super().__init__(*parts)
        self._tracing = tracing

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """See ``ResultStore``."""
        began = self._tracing.clock()
        super().store(outcomes)
        self._tracing.stored(outcomes, Interval(began, self._tracing.clock()))
