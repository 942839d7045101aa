"""Answers identical requests from Redis, and computes identical ones in flight once."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from api.dispatch.cache_store import Flight, Leader
from api.dispatch.flights import FlightKeeper
from api.dispatch.look_ups import LookUps
from api.dispatch.replies import ReplyListener
from shared.cache import CacheTicket, digest_of
from shared.errors import RetryLater
from shared.instruments import Count
from shared.results import RawResult
from shared.rows import Row

CacheUse = Literal["hit", "miss", "shared"]
"""Answered from the cache; computed; computed by an identical request in flight."""

CACHE_USES: tuple[CacheUse, ...] = get_args(CacheUse)

Compute = Callable[[str, CacheTicket | None], RawResult]
"""Computes a request as the task of this id. Raises what ``Dispatcher.predict`` raises."""


class Answered(NamedTuple):
    """A result, and where it came from; None where there is no cache."""

    result: RawResult
    cache: CacheUse | None


class RequestCache:
    """One api process's use of the cache, by the greenlets of one thread."""

    def __init__(
        self,
        look_ups: LookUps,
        flights: FlightKeeper,
        replies: ReplyListener,
        counts: Mapping[CacheUse, Count],
        *,
        ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``counts`` has one for each of ``CACHE_USES``; ``ttl``: seconds a result is kept."""
        self._look_ups = look_ups
        self._flights = flights
        self._replies = replies
        self._counts = counts
        self._ttl_ms = max(1, int(ttl * 1000))
        self._clock = clock

    def start(self) -> None:
        """Starts what looks up and what keeps flights alive."""
        self._look_ups.start()
        self._flights.start()

    def stop(self) -> None:
        """Stops them."""
        self._look_ups.stop()
        self._flights.stop()

    def answer(self, rows: Sequence[Row], deadline: float, compute: Compute) -> Answered:
        """The result of these rows at the latest at ``deadline``, an instant of ``clock``.

        Raises what ``compute`` raises, ResultStoreUnavailable, DeadlineExceeded.
        """
        flight = Flight(digest_of(rows), str(uuid.uuid4()))
        while (remaining := deadline - self._clock()) > 0:
            found = self._look_ups.look_up(flight, remaining)
            if found is None:
                break
            if isinstance(found, RawResult):
                return self._answered(found, "hit")
            if found.task_id == flight.task_id:
                return self._lead(flight, compute)
            shared = self._follow(found, deadline)
            if shared is not None and shared.status == "SUCCESS":
                return self._answered(shared, "shared")
            if shared is not None and shared.status == "FAILURE":
                # Each finds out for itself, and all at once rather than one after another.
                return self._answered(compute(flight.task_id, None), "miss")
        raise self._replies.no_answer()

    def _lead(self, flight: Flight, compute: Compute) -> Answered:
        with self._flights.leading(flight):
            result = compute(flight.task_id, CacheTicket(flight.digest, self._ttl_ms))
        return self._answered(result, "miss")

    def _follow(self, leader: Leader, deadline: float) -> RawResult | None:
        """What the leader's task ended with; None where it may be time to look again."""
        with self._replies.watching(leader.task_id) as slot:
            answer = slot.get(min(leader.lease, deadline - self._clock()))
        if isinstance(answer, RetryLater):
            raise answer.anew()
        return answer

    def _answered(self, result: RawResult, use: CacheUse) -> Answered:
        self._counts[use].add()
        return Answered(result, use)
