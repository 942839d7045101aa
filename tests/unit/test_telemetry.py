"""What is not configured is not even imported; what is, keeps to its settings."""

import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import SamplingResult, TraceIdRatioBased

from ops.local.programs import ROOT
from shared.telemetry import start_telemetry
from shared.trace_context import TraceContext
from shared.tracing import Traces, parent_of, start_tracing, trace_of, traces_of
from tests.builders import api_settings

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1, "congo=x")


def test_a_process_without_sentry_and_traces_imports_neither() -> None:
    script = (
        "import sys, api.wsgi, worker.__main__\n"
        "ours = ('sentry_sdk', 'opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print([m for m in sys.modules if m.startswith(ours)])"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("environ", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
def test_nothing_is_started_where_nothing_is_configured(environ: dict[str, str]) -> None:
    telemetry = start_telemetry(api_settings(), "api", environ)
    assert telemetry.tracer is None
    telemetry.stop()


@pytest.mark.parametrize(
    ("ratio", "parent", "recorded"),
    [
        ("0", None, False),
        ("1", None, True),
        ("0", TRACE, True),
        ("1", TRACE._replace(flags=0), False),
    ],
)
def test_the_standard_ratio_decides_for_whom_nobody_has_decided(
    monkeypatch: pytest.MonkeyPatch, ratio: str, parent: TraceContext | None, recorded: bool
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    tracer, stop = start_tracing("api", {})
    try:
        assert traces_of(tracer).begins("span") is (ratio == "1")
        span = tracer.start_span("span", parent_of(parent))
        assert span.is_recording() is recorded
        context = trace_of(span, "congo=x")
        assert context.sampled is recorded
        if parent is not None:
            assert context.trace_id == parent.trace_id
    finally:
        stop()


def test_a_trace_that_was_chosen_begins_with_the_id_it_was_chosen_by() -> None:
    asked: list[int] = []

    class Sampler(TraceIdRatioBased):
        def should_sample(self, *arguments: Any, **options: Any) -> SamplingResult:
            asked.append(arguments[1])
            return super().should_sample(*arguments, **options)

    sampler = Sampler(1.0)
    provider = TracerProvider(sampler=sampler, id_generator=Traces(sampler), shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    assert traces_of(tracer).begins("span")
    assert tracer.start_span("span").get_span_context().trace_id == asked[0]
    assert tracer.start_span("another").get_span_context().trace_id not in (0, asked[0])


def test_a_tracer_that_cannot_be_asked_is_refused() -> None:
    with pytest.raises(TypeError):
        traces_of(TracerProvider(shutdown_on_exit=False).get_tracer("test"))
