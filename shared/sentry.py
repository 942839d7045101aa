"""Sends errors to Sentry: every event that is logged as an error, and nothing else.

None of the SDK's integrations is on. They would hook into Flask, Celery, Redis and logging at a
price for every request, and an error would arrive once from each. Here one handler of logging
sends what the code has logged once.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
import sentry_sdk
from sentry_sdk.integrations.logging import EventHandler
from sentry_sdk.scrubber import DEFAULT_DENYLIST, EventScrubber

from shared.log import SENT_FIELD, ids_of
from shared.redact import Redactor, texts_in
from shared.settings import Settings

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH_SECONDS = 2.0
"""How long a process that ends waits for its last errors to be sent."""

_MAX_BODY_CHARS = 10_000
_TEXTS = ("message", "logentry", "exception", "threads", "extra")
"""The parts of an event that hold what was logged."""

_NAMES_OF_SECRETS = [
    *DEFAULT_DENYLIST, "key", "keys", "api_keys", "environ", "headers", "broker_url", "redis_url",
    "HTTP_X_API_KEY", "HTTP_AUTHORIZATION", "x-api-key",
]  # fmt: skip


def start_sentry(settings: Settings, role: str, redactor: Redactor) -> Callable[[], None]:
    """Has errors sent from now on; the function that ends it, within FLUSH_SECONDS or so."""
    sentry_sdk.init(
        dsn=settings.sentry_dsn,
        environment=settings.sentry_environment,
        release="",  # else the SDK would run git to find one
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        enable_backpressure_handling=False,
        max_breadcrumbs=0,
        send_default_pii=False,
        max_request_body_size="never",
        include_local_variables=settings.sentry_send_rows,
        event_scrubber=EventScrubber(denylist=_NAMES_OF_SECRETS, recursive=True),
        before_send=EventCleaner(role, redactor, send_rows=settings.sentry_send_rows),
        shutdown_timeout=FLUSH_SECONDS,
    )
    handler = EventHandler(level=logging.ERROR)
    handler.addFilter(_is_ours_to_send)
    logging.getLogger().addHandler(handler)

    def stop() -> None:
        logging.getLogger().removeHandler(handler)
        sentry_sdk.get_client().close(timeout=FLUSH_SECONDS)

    return stop


def _is_ours_to_send(record: logging.LogRecord) -> bool:
    """Not that traces could not be sent: that is said every few seconds while it lasts."""
    return not record.name.startswith("opentelemetry")


class EventCleaner:
    """Puts the ids of what was logged on an event, and takes out what must not be sent."""

    def __init__(self, role: str, redactor: Redactor, *, send_rows: bool) -> None:
        """``send_rows``: whether what callers have sent may be sent on. Keys never are."""
        self._role = role
        self._redactor = redactor
        self._send_rows = send_rows

    def __call__(self, event: "Event", hint: "Hint") -> "Event":
        """The event as it is sent."""
        record: logging.LogRecord = hint["log_record"]
        sent = record.__dict__.get(SENT_FIELD)
        told: dict[str, Any] = {**event}
        told["extra"] = {"sent": _shown(sent)} if self._send_rows and sent is not None else {}
        texts = [] if self._send_rows else texts_in(sent)
        for part in _TEXTS:
            if part in told:
                told[part] = self._cleaned(told[part], texts)
        tags = {"role": self._role, **ids_of(record)}
        told["tags"] = {k: self._redactor.without_secrets(v) for k, v in tags.items()}
        return cast("Event", told)

    def _cleaned(self, value: Any, sent: Sequence[str]) -> Any:
        if isinstance(value, str):
            if self._send_rows:
                return self._redactor.without_secrets(value)
            return self._redactor.clean(value, sent)
        if isinstance(value, dict):
            return {name: self._cleaned(item, sent) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._cleaned(item, sent) for item in value]
        return value


def _shown(sent: object) -> str:
    """A body or rows as text."""
    encoded = sent if isinstance(sent, bytes) else msgspec.json.encode(sent)
    return encoded.decode(errors="replace")[:_MAX_BODY_CHARS]
