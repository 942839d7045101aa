"""What messages carry of a trace, and the spans that dispatching makes."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from api.dispatch.slot import Slot
from api.dispatch.spans import DispatchSpans
from api.dispatch.tracing import CURRENT_TRACE
from shared.errors import BrokerUnavailable
from shared.queues import Lane
from shared.results import RawResult
from shared.trace_context import TraceContext, read_trace
from tests.unit.fakes import a_success
from tests.unit.test_dispatcher import ROWS, Case

NOW = 1_700_000_000_000_000_000
SAMPLED = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "congo=x")
UNSAMPLED = SAMPLED._replace(flags=0)


class Spans:
    """Dispatching's spans, kept in memory."""

    def __init__(self) -> None:
        self.now = NOW
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.made = DispatchSpans(provider.get_tracer("test"), lambda: self.now)


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def case() -> Iterator[Case]:
    yield Case()
    CURRENT_TRACE.set(None)


def test_a_request_without_a_trace_is_a_message_without_one(case: Case) -> None:
    case.predict(ROWS[:1])
    assert not {"traceparent", "tracestate"} & {*case.broker.messages[0].headers}


@pytest.mark.parametrize("trace", [SAMPLED, UNSAMPLED])
def test_without_a_tracer_a_trace_is_passed_on_to_every_chunk(
    case: Case, trace: TraceContext
) -> None:
    CURRENT_TRACE.set(trace)
    case.predict(ROWS)
    assert len(case.broker.messages) == 3
    for message in case.broker.messages:
        headers = message.headers
        assert read_trace(headers["traceparent"], headers["tracestate"]) == trace


def test_the_span_of_publishing_ends_when_the_broker_has_confirmed(spans: Spans) -> None:
    told: list[BrokerUnavailable | None] = []
    trace, done = spans.made.publishing(SAMPLED, Lane.SYNC, "task", told.append)
    assert spans.exporter.get_finished_spans() == ()
    spans.now += 5_000
    done(None)
    [span] = spans.exporter.get_finished_spans()
    assert told == [None]
    assert (span.name, span.kind) == ("publish", SpanKind.PRODUCER)
    assert span.start_time == NOW
    assert span.end_time == NOW + 5_000
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SAMPLED.span_id
    assert trace == SAMPLED._replace(span_id=f"{span.context.span_id:016x}")
    assert span.status.is_unset


def test_the_first_refusal_ends_it_and_every_one_is_told(spans: Spans) -> None:
    told: list[BrokerUnavailable | None] = []
    _, done = spans.made.publishing(SAMPLED, Lane.ASYNC, "task", told.append)
    errors = [BrokerUnavailable("The queue is full"), BrokerUnavailable("again")]
    for error in errors:
        done(error)
    [span] = spans.exporter.get_finished_spans()
    assert told == errors
    assert span.status.description == "The queue is full"


def a_result(date_done: str | None) -> RawResult:
    result = a_success([0])
    return RawResult(result.status, result.result, result.task_id, date_done)


@pytest.mark.parametrize(
    ("date_done", "began"),
    [
        ("2023-11-14T22:13:19.990000+00:00", NOW - 10_000_000),
        ("2023-11-14T22:13:21+00:00", NOW),
        (None, NOW),
    ],
)
def test_the_reply_begins_when_the_worker_was_done_and_never_after_it_was_heard(
    spans: Spans, date_done: str | None, began: int
) -> None:
    spans.made.heard(SAMPLED, a_result(date_done))
    [span] = spans.exporter.get_finished_spans()
    assert span.name == "reply"
    assert (span.start_time, span.end_time) == (began, NOW)


def test_spans_are_made_of_what_is_sampled_alone(spans: Spans) -> None:
    case = Case(spans.made)
    for trace in (None, UNSAMPLED, SAMPLED):
        case.slot = Slot()
        CURRENT_TRACE.set(trace)
        case.predict(ROWS)
    CURRENT_TRACE.set(None)
    made = spans.exporter.get_finished_spans()
    assert [span.name for span in made] == ["publish", "reply"]
    carried = [message.headers.get("traceparent", "") for message in case.broker.messages]
    publish = f"{made[0].context.span_id:016x}"
    assert [carried.count(parent) for parent in dict.fromkeys(carried)] == [3, 3, 3]
    assert publish in carried[-1]
    assert UNSAMPLED.span_id in carried[3]
