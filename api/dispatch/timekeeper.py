"""Keeps a front door's reckoning of Redis's clock right, from a thread of its own."""

import logging
import threading
import time

from redis import Redis, RedisError

from shared.clock import MEASURE_SECONDS, RedisClock
from shared.metrics import Unexpected, Where
from shared.redis_client import check_primary
from shared.reminder import Reminder

_logger = logging.getLogger(__name__)


class Timekeeper:
    """Asks Redis for the time every second, and whether it is the primary, so no request has to."""

    def __init__(self, redis: Redis, clock: RedisClock, unexpected: Unexpected) -> None:
        self.clock = clock
        self._redis = redis
        self._unexpected = unexpected
        self._reminder = Reminder(time.monotonic)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timekeeper", daemon=True)

    def start(self) -> None:
        """Starts asking in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Asks no more."""
        self._stopping.set()
        self._thread.join()

    def problem(self) -> str | None:
        """Why no deadline can be set at the moment, or None."""
        return None if self.clock.known else "Redis has not told the time yet"

    def _run(self) -> None:
        while True:
            try:
                self.clock.measure(self._redis)
                check_primary(self._redis)
                self._reminder.over()
            except RedisError as error:
                if self._reminder.due(str(error)):
                    _logger.warning("the time is not known anew: %s", error)
            except Exception:
                # Without this thread the clock would drift away for good.
                _logger.exception("asking for the time failed")
                self._unexpected(Where.TIMEKEEPER)
            if self._stopping.wait(MEASURE_SECONDS):
                return
