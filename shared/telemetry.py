"""Starts what tells others of this process, where it is configured: Sentry and OpenTelemetry.

Their packages are imported only then.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from shared.redact import Redactor, secrets_in
from shared.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own variable: where to send traces. Unset or empty, there are none."""


class Telemetry(NamedTuple):
    """What was started."""

    tracer: "Tracer | None"
    """Makes spans; None where nobody would look at them."""
    stop: Callable[[], None]
    """Sends what has not been sent yet. Takes a few seconds at most."""


def start_telemetry(settings: Settings, role: str, environ: Mapping[str, str]) -> Telemetry:
    """Starts what is configured for a process. ``role`` is ``api`` or ``worker``."""
    stops: list[Callable[[], None]] = []
    tracer = None
    if settings.sentry_dsn:
        from shared.sentry import start_sentry  # noqa: PLC0415 - see above

        stops.append(start_sentry(settings, role, Redactor(secrets_in(environ))))
    if environ.get(OTLP_ENDPOINT):
        from shared.tracing import start_tracing  # noqa: PLC0415 - see above

        tracer, stop = start_tracing(role, environ)
        stops.append(stop)

    def stop_all() -> None:
        for stop in stops:
            stop()

    return Telemetry(tracer, stop_all)
