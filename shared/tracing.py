"""Spans of our own, sent to an OpenTelemetry collector in the background.

Nothing is instrumented automatically. The standard variables say where to and how much: see
docs/logs-and-traces.md.
"""

import threading
from collections.abc import Callable, Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from shared.trace_context import TraceContext

FLUSH_SECONDS = 3.0
"""How long a process that ends waits for its last spans to be sent."""

_SAMPLED = Decision.RECORD_AND_SAMPLE

_BATCH_SPANS = 64
"""Spans sent together. Encoding them holds up everything else, so it is a millisecond's worth."""


class Traces(RandomIdGenerator):
    """Decides which traces begin, at a fifth of what it costs to begin one that is not recorded.

    The SDK makes an id, a context and a span of every trace, and then records none of it. Here its
    sampler is asked with an id alone, and the trace that begins next has the id it was chosen by.
    """

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._chosen: int | None = None

    def begins(self, name: str) -> bool:
        """Whether a trace begins now, with a span of this name; then that is to be made at once."""
        trace_id = super().generate_trace_id()
        if self._sampler.should_sample(None, trace_id, name).decision is not _SAMPLED:
            return False
        self._chosen = trace_id
        return True

    def generate_trace_id(self) -> int:
        """See OpenTelemetry."""
        chosen, self._chosen = self._chosen, None
        return super().generate_trace_id() if chosen is None else chosen


def start_tracing(role: str, environ: Mapping[str, str]) -> tuple[Tracer, Callable[[], None]]:
    """A tracer, and the function that sends what is left, within FLUSH_SECONDS or so.

    The sampler, the collector and the queue's bounds are the SDK's own business, by its
    ``OTEL_*`` variables.
    """
    named = "OTEL_SERVICE_NAME" in environ
    resource = Resource.create({} if named else {"service.name": f"regno-{role}"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.id_generator = Traces(provider.sampler)
    batch = {} if "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" in environ else {"max": _BATCH_SPANS}
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(), max_export_batch_size=batch.get("max"))
    )

    def stop() -> None:
        # In a thread of its own: a collector that does not answer would hold it up for minutes.
        last = threading.Thread(target=provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)

    return provider.get_tracer("regno"), stop


def traces_of(tracer: Tracer) -> Traces:
    """What decides which of a tracer's traces begin. Raises TypeError for a tracer of others."""
    traces = getattr(tracer, "id_generator", None)
    if not isinstance(traces, Traces):
        raise TypeError("Only a tracer whose ids Traces makes can be asked before a trace begins")
    return traces


def parent_of(trace: TraceContext | None) -> Context:
    """What a span is made in that continues a trace, or begins one."""
    if trace is None:
        return Context()
    parent = SpanContext(
        int(trace.trace_id, 16),
        int(trace.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(trace.flags),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())


def trace_of(span: Span, state: str = "") -> TraceContext:
    """A span as the parent of what comes next. ``state`` is passed on as it came."""
    context = span.get_span_context()
    return TraceContext(
        f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags), state
    )
