"""The spans of a batch: each traced member has its own, which share the batch's id."""

from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from shared.errors import InvalidField
from shared.metrics import WorkerMetrics
from shared.trace_context import TraceContext
from tests.builders import a_reading
from tests.unit.fakes import SPOILT, FakeBeginnings, FakeModel, FakeStore, a_job
from worker.counts import BatchCounts
from worker.job import Job
from worker.store import Outcome
from worker.tracing import BatchTracing, Interval, TracedPredictor

NOW = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000


def a_trace(number: int, flags: int = 1) -> TraceContext:
    return TraceContext(f"{number:032x}", f"{number:016x}", flags)


def traced(job: Job, trace: TraceContext | None, published: float = NOW / 1e9 - 0.25) -> Job:
    """The job as it comes in a message of a trace."""
    cast("Any", job.message).headers = trace.to_headers() if trace else {}
    return job._replace(published_at=published)


class Case:
    """A predictor that is traced; every look at the clock takes a millisecond."""

    def __init__(self) -> None:
        self.now = NOW - MILLISECOND
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = BatchTracing(
            provider.get_tracer("test"), "m1", lambda: NOW / 1e9, self.clock
        )
        self.predictor = TracedPredictor(
            self.tracing,
            FakeModel().as_model(),
            FakeStore().as_store(),
            FakeBeginnings().as_beginnings(),
            (),
            BatchCounts(WorkerMetrics(CollectorRegistry())),
            clock=lambda: 0.0,
            wall_clock=lambda: 0.0,
        )

    def clock(self) -> int:
        self.now += MILLISECOND
        return self.now

    def spans(self, *jobs: Job) -> dict[str, dict[str, ReadableSpan]]:
        """By trace, then by name, the spans of a batch of these jobs."""
        outcomes: list[Outcome] = self.predictor.outcomes(jobs)
        began = self.clock()
        self.tracing.stored(outcomes, Interval(began, self.clock()))
        found: dict[str, dict[str, ReadableSpan]] = {}
        for span in self.exporter.get_finished_spans():
            found.setdefault(f"{span.context.trace_id:032x}", {})[span.name] = span
        return found


def length(span: ReadableSpan) -> int:
    """In milliseconds."""
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.end_time - span.start_time) / MILLISECOND)


def test_a_traced_job_has_a_wait_and_a_batch_with_predict_and_store_inside() -> None:
    trace = a_trace(7)
    spans = Case().spans(traced(a_job("one", 1, 2), trace))[trace.trace_id]
    assert set(spans) == {"queue wait", "batch", "predict", "store"}
    parents = {name: span.parent and f"{span.parent.span_id:016x}" for name, span in spans.items()}
    batch = f"{spans['batch'].context.span_id:016x}"
    assert parents == {
        "queue wait": trace.span_id,
        "batch": trace.span_id,
        "predict": batch,
        "store": batch,
    }
    assert length(spans["queue wait"]) == 250
    assert spans["queue wait"].end_time == spans["batch"].start_time
    assert spans["store"].end_time == spans["batch"].end_time
    assert (length(spans["predict"]), length(spans["store"]), length(spans["batch"])) == (1, 1, 4)


def test_the_members_of_a_batch_name_it_and_themselves() -> None:
    jobs = [traced(a_job(f"task {n}", *range(n)), a_trace(n)) for n in (1, 2)]
    found = [by_name["batch"].attributes or {} for by_name in Case().spans(*jobs).values()]
    assert len({attributes["regno.batch.id"] for attributes in found}) == 1
    for n, attributes in enumerate(found, 1):
        assert attributes["celery.task_id"] == f"task {n}"
        assert attributes["regno.request_id"] == f"request of task {n}"
        assert attributes["regno.batch.requests"] == 2
        assert attributes["regno.batch.rows"] == 3
        assert attributes["regno.model_version"] == "m1"
        assert attributes["messaging.destination.name"] == "regno.sync"


@pytest.mark.parametrize("trace", [None, a_trace(5, flags=0)])
def test_a_job_that_is_not_sampled_has_no_spans(trace: TraceContext | None) -> None:
    assert Case().spans(traced(a_job("one", 1), trace)) == {}


def test_a_message_whose_clock_is_ahead_has_waited_for_no_time() -> None:
    job = traced(a_job("one", 1), a_trace(1), published=NOW / 1e9 + 60)
    assert length(Case().spans(job)[a_trace(1).trace_id]["queue wait"]) == 0


def test_a_job_that_spoils_its_batch_is_marked_and_its_neighbour_is_not() -> None:
    spoilt = traced(a_job("bad", rows=[a_reading(afts_regno_ai=SPOILT)]), a_trace(1))
    spans = Case().spans(spoilt, traced(a_job("good", 1), a_trace(2)))
    bad, good = spans[a_trace(1).trace_id], spans[a_trace(2).trace_id]
    assert not bad["batch"].status.is_ok
    assert bad["batch"].status.status_code.name == "ERROR"
    assert good["batch"].status.is_unset
    # Each was predicted by itself in the end.
    assert good["predict"].start_time != bad["predict"].start_time


def test_what_is_not_predicted_has_no_span_of_predicting() -> None:
    wrong = traced(a_job("wrong", failure=InvalidField("no", "/0"), rows=[]), a_trace(1))
    assert set(Case().spans(wrong)[a_trace(1).trace_id]) == {"queue wait", "batch", "store"}
