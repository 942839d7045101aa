"""Looks requests up in the cache from one thread, all that are ready in one round trip."""

import logging
import queue
import threading
from typing import NamedTuple

from api.dispatch.cache_store import CacheStore, Flight, Found
from api.dispatch.lots import take_lot
from api.dispatch.slot import Slot
from shared.errors import ResultStoreUnavailable
from shared.metrics import Unexpected, Where

_logger = logging.getLogger(__name__)

MAX_TOGETHER = 256
"""Look-ups in one go: enough to share the round trip, few enough to hold up nobody in Redis."""


class _Entry(NamedTuple):
    flight: Flight
    slot: Slot[Found | ResultStoreUnavailable]


class LookUps:
    """While one lot is on its way the next gathers, so the busier it is the larger the lots."""

    def __init__(self, store: CacheStore, unexpected: Unexpected) -> None:
        self._store = store
        self._unexpected = unexpected
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="look-ups", daemon=True)

    def start(self) -> None:
        """Starts looking up in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Looks up what was asked before, then no more."""
        self._entries.put(None)
        self._thread.join()

    def look_up(self, flight: Flight, timeout: float) -> Found | None:
        """See ``CacheStore.look_up``; None where no answer came within ``timeout`` seconds.

        Raises ResultStoreUnavailable.
        """
        slot: Slot[Found | ResultStoreUnavailable] = Slot()
        self._entries.put(_Entry(flight, slot))
        found = slot.get(timeout)
        if isinstance(found, ResultStoreUnavailable):
            raise found.anew()
        return found

    def _run(self) -> None:
        stopping = False
        while not stopping:
            entries, stopping = take_lot(self._entries, MAX_TOGETHER)
            if entries:
                self._answer(entries)

    def _answer(self, entries: list[_Entry]) -> None:
        found: list[Found] | list[ResultStoreUnavailable]
        try:
            found = self._store.look_up([entry.flight for entry in entries])
        except ResultStoreUnavailable as error:
            found = [error] * len(entries)
        except Exception:
            # Without this thread nobody is answered ever again, so nothing may end it.
            _logger.exception("looking up failed")
            self._unexpected(Where.LOOK_UPS)
            found = [ResultStoreUnavailable("Looking up failed")] * len(entries)
        for entry, answer in zip(entries, found, strict=True):
            entry.slot.put(answer)
