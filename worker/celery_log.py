"""What Celery says: all of it as events, and without what is in messages.

It prints a message that it can make nothing of whole: its rows, and its headers, in which a Celery
client that sent it repeats them.
"""

import logging
from typing import Any

from celery.apps.worker import Worker, install_worker_term_handler
from celery.worker.consumer import consumer

_TOLD = {
    consumer.UNKNOWN_FORMAT: "dropped a message in an unknown format",
    consumer.UNKNOWN_TASK_ERROR: "dropped a message for an unknown task: %s",
    consumer.INVALID_TASK_ERROR: "dropped an invalid message: %s",
    consumer.MESSAGE_DECODE_ERROR: "dropped a message that cannot be decoded: %s",
}
"""Celery's texts, whose first argument is the error if it has one, and ours for them."""


def keep_bodies_out() -> None:
    """Has Celery's consumer say what is wrong with a message, and no more."""
    logging.getLogger(consumer.__name__).addFilter(_shorten)


def _shorten(record: logging.LogRecord) -> bool:
    told = _TOLD.get(str(record.msg))
    if told is not None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        record.msg, record.args = told, arguments[: told.count("%s")]
    return True


class PlainWorker(Worker):  # type: ignore[misc]
    """Celery's worker, which ends without a word past logging when it is told to."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """See Celery: signal handlers."""
        super().install_platform_tweaks(worker)
        install_worker_term_handler(worker, verbose=False)
