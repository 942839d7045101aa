"""Logging of every process: one line an event, to standard error."""

import logging
from collections.abc import Mapping
from typing import Any

FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s"


def logging_config(level: str) -> Mapping[str, Any]:
    """A ``logging.config.dictConfig`` for one process. ``level`` is a name such as ``INFO``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": FORMAT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {"kombu": {"level": logging.WARNING}, "amqp": {"level": logging.WARNING}},
    }
