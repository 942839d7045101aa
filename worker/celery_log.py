"""Celery's worker, all of whose words are log events."""

import logging
import sys
import traceback
from typing import Any

from celery import platforms
from celery.apps.worker import (
    Worker,
    install_worker_term_handler,
    install_worker_term_hard_handler,
)

_logger = logging.getLogger(__name__)


class PlainWorker(Worker):  # type: ignore[misc]
    """Celery's worker, which writes nothing past logging when it is sent a signal."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """See Celery: signal handlers.

        SIGTERM, SIGINT and SIGHUP end it once it has done what it holds: its process manager
        starts it anew. On SIGHUP Celery would execute its command line, which is not this one's.
        SIGQUIT ends it at once. SIGUSR1 logs the stacks of its threads.
        """
        for signal in ("SIGTERM", "SIGINT", "SIGHUP"):
            install_worker_term_handler(worker, sig=signal, verbose=False)
        install_worker_term_hard_handler(worker, verbose=False)
        platforms.signals["SIGUSR1"] = _log_stacks


def _log_stacks(*_: object) -> None:
    frames = sys._current_frames()  # noqa: SLF001 - Python has no other way
    stacks = ["".join(traceback.format_stack(frame)) for frame in frames.values()]
    _logger.warning("stacks of %d threads:\n%s", len(stacks), "\n".join(stacks))
