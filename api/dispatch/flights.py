"""Keeps the flights that this process leads alive while their tasks are waited for."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.dispatch.cache_store import LEASE_SECONDS, CacheStore, Flight
from shared.errors import DeadlineExceeded, ResultStoreUnavailable, RetryLater
from shared.metrics import Unexpected, Where

_logger = logging.getLogger(__name__)

RENEW_SECONDS = LEASE_SECONDS / 2.5
"""One renewal may come late or be lost before a lease runs out."""


class FlightKeeper:
    """Renews leases from a thread of its own, so that a slow Redis delays no leader.

    A process that dies renews nothing: its flights end with their leases.
    """

    def __init__(self, store: CacheStore, unexpected: Unexpected) -> None:
        self._store = store
        self._unexpected = unexpected
        self._led: set[Flight] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flights", daemon=True)

    def start(self) -> None:
        """Starts renewing in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Renews nothing more."""
        self._stopping.set()
        self._thread.join()

    @contextmanager
    def leading(self, flight: Flight) -> Iterator[None]:
        """The flight lasts while the context does; one that fails is released at once.

        After a success there is nothing to do: the worker has ended the flight.
        """
        with self._lock:
            self._led.add(flight)
        try:
            yield
        except (DeadlineExceeded, RetryLater):
            self._release(flight)
            raise
        finally:
            with self._lock:
                self._led.remove(flight)

    def _release(self, flight: Flight) -> None:
        try:
            self._store.release(flight)
        except ResultStoreUnavailable as error:
            _logger.warning("a flight ends with its lease: %s", error)

    def _run(self) -> None:
        while not self._stopping.wait(RENEW_SECONDS):
            with self._lock:
                led = list(self._led)
            if not led:
                continue
            try:
                self._store.renew(led)
            except ResultStoreUnavailable as error:
                _logger.warning("flights not renewed: %s", error)
            except Exception:
                # Without this thread every flight would end with its first lease.
                _logger.exception("renewing flights failed")
                self._unexpected(Where.FLIGHTS)
