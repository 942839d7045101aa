"""What is not configured is not even imported; what is, keeps to its settings."""

import subprocess
import sys

import pytest

from ops.local.programs import ROOT
from shared.telemetry import start_telemetry
from shared.trace_context import TraceContext
from shared.tracing import parent_of, start_tracing, trace_of
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
        span = tracer.start_span("span", parent_of(parent))
        assert span.is_recording() is recorded
        context = trace_of(span, "congo=x")
        assert context.sampled is recorded
        if parent is not None:
            assert context.trace_id == parent.trace_id
    finally:
        stop()
