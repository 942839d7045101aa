"""Celery's worker, all of whose words are log events."""

from typing import Any

from celery.apps.worker import Worker, install_worker_term_handler


class PlainWorker(Worker):  # type: ignore[misc]
    """Celery's worker, which ends without a word past logging when it is told to."""

    def install_platform_tweaks(self, worker: Any) -> None:
        """See Celery: signal handlers."""
        super().install_platform_tweaks(worker)
        install_worker_term_handler(worker, verbose=False)
