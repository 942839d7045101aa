"""Logging of every process: one event at a time, to standard error.

Machines read JSON, one object a line; on a terminal people read text. Either way an event carries
the ids that are known of it, and neither secrets nor what callers have sent.
"""

import json
import logging
import logging.config
import sys
import threading
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Literal

from shared.redact import Redactor, secrets_in, texts_in

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LogFormat = Literal["auto", "json", "text"]

IDS = ("request_id", "task_id", "model_version")
"""What an event is about, where it is known: bound by ``bind``, or given as ``extra``."""

SENT_FIELD = "sent"
"""Under this name ``extra`` holds the body or the rows that an event is about.

They are not written: their values are taken out of what is.
"""

_TEXT = "%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s"

_bound: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default=MappingProxyType({}))
_logger = logging.getLogger(__name__)


def bind(**ids: str) -> None:
    """Has all events of this thread, or greenlet, carry these ids, instead of those before."""
    _bound.set(ids)


def ids_of(record: logging.LogRecord) -> dict[str, str]:
    """The ids of an event that has just been logged by this thread."""
    given = {name: str(record.__dict__[name]) for name in IDS if name in record.__dict__}
    return {**_bound.get(), **given}


class JsonFormatter(logging.Formatter):
    """One JSON object an event."""

    def __init__(self, role: str, redactor: Redactor) -> None:
        """``role``: what this process is, such as ``api``."""
        super().__init__()
        self._role = role
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        sent = texts_in(record.__dict__.get(SENT_FIELD))
        clean = partial(self._redactor.clean, sent=sent)
        moment = datetime.fromtimestamp(record.created, UTC)
        event: dict[str, object] = {
            "timestamp": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": clean(record.getMessage()),
            "role": self._role,
            "process": record.process,
        }
        for name, value in ids_of(record).items():
            event[name] = self._redactor.without_secrets(value)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            event["exception"] = {
                "type": _type_name(error),
                "message": clean(str(error)),
                "stack": clean("".join(traceback.format_exception(error))),
            }
        return json.dumps(event)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"


class TextFormatter(logging.Formatter):
    """A line for people, and the traceback below it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(_TEXT)
        self._redactor = redactor

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's
        """See logging: the line."""
        ids = [f"{name}={value}" for name, value in ids_of(record).items()]
        return " ".join([super().formatMessage(record), *ids])

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        sent = texts_in(record.__dict__.get(SENT_FIELD))
        return self._redactor.clean(super().format(record), sent)


def set_up_logging(environ: Mapping[str, str], role: str) -> None:
    """Has this process log, warnings and errors that nobody caught included.

    Called before the settings are checked, so that what is wrong with them can be logged: a wrong
    setting counts as unset here.
    """
    level = environ.get("REGNO_LOG_LEVEL")
    wanted = environ.get("REGNO_LOG_FORMAT")
    as_text = wanted == "text" or (wanted != "json" and sys.stderr.isatty())
    redactor = Redactor(secrets_in(environ))
    formatter: dict[str, Any] = {"()": TextFormatter, "redactor": redactor}
    if not as_text:
        formatter = {"()": JsonFormatter, "redactor": redactor, "role": role}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"event": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
            "root": {"level": level if level in LEVELS else "INFO", "handlers": ["stderr"]},
            "loggers": {
                # Every one of them is an event a request, or says what our own lines say.
                "kombu": {"level": logging.WARNING},
                "amqp": {"level": logging.WARNING},
                "urllib3": {"level": logging.WARNING},
            },
        }
    )
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """In place of Python's own, which writes a traceback of many lines."""
    if error is not None and issubclass(kind, Exception):
        _logger.critical("nobody caught an error", exc_info=(kind, error, trace))
    else:
        sys.__excepthook__(kind, error or kind(), trace)
