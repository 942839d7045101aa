"""Ends a worker that is up but does not work, so that whatever restarts processes restarts it.

What was in its hands is not acknowledged: RabbitMQ delivers it again.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping

from shared.queues import Lane
from worker.lanes_seen import LaneSeen
from worker.watch import Patience, Signs, Watch

_logger = logging.getLogger(__name__)

STUCK_STATUS = os.EX_SOFTWARE
"""The exit status, 70, of a worker that has found itself stuck."""

_TICK_SECONDS = 1.0
_TELLING_SECONDS = 5.0
"""For the log and what hears of it; either may be what hangs."""


class Watchdog:
    """The thread that watches, from when the event loop is to begin until it is to end."""

    def __init__(
        self,
        signs: Signs,
        look: Callable[[], Mapping[Lane, LaneSeen] | None],
        stopping: Callable[[], bool],
        tell: Callable[[], None],
        patience: Patience,
    ) -> None:
        """``look`` asks RabbitMQ, bounded in time; ``stopping`` says that a shutdown has begun.

        ``tell`` sends on what was logged. To be made by the thread that is to be watched.
        """
        self._watch = Watch(signs, patience)
        self._look = look
        self._stopping = stopping
        self._tell = tell
        self._watched = threading.get_ident()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watches from now on."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watches no more."""
        self._stopped.set()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stopped.wait(_TICK_SECONDS) and not self._stopping():
            now = time.monotonic()
            passed, before = now - before, now
            if not self._watch.pass_time(passed):
                continue
            wrong = self._watch.verdict(self._ask())
            if wrong is not None and not self._stopping() and not self._stopped.is_set():
                self._end(wrong)

    def _ask(self) -> Mapping[Lane, LaneSeen] | None:
        try:
            return self._look()
        except Exception:
            # Nothing may end this thread: nobody else finds out that the worker is stuck.
            _logger.exception("asking RabbitMQ about the lanes failed")
            return None

    def _end(self, wrong: str) -> None:
        teller = threading.Thread(target=self._say, args=(wrong,), daemon=True)
        teller.start()
        teller.join(_TELLING_SECONDS)
        os._exit(STUCK_STATUS)  # an orderly end is what a stuck process cannot do

    def _say(self, wrong: str) -> None:
        stack = "".join(traceback.format_stack(sys._current_frames()[self._watched]))  # noqa: SLF001 - the documented way to another thread's stack
        _logger.critical("%s; it ends, to be started anew. It was here:\n%s", wrong, stack)
        self._tell()
