"""Whom a request waits for, and what it does when that comes to nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from api.dispatch.cache import CACHE_USES, Answered, RequestCache
from api.dispatch.cache_store import Flight, Found, Leader
from api.dispatch.flights import FlightKeeper
from api.dispatch.look_ups import LookUps
from api.dispatch.replies import ReplyListener
from api.dispatch.slot import Slot
from api.dispatch.waiters import Answer
from shared.cache import CacheTicket, digest_of
from shared.errors import (
    BrokerUnavailable,
    DeadlineExceeded,
    PredictionFailed,
    RegnoError,
    ResultStoreUnavailable,
)
from shared.instruments import Tallies
from shared.metrics import CACHE_REQUESTS
from shared.results import Failure, RawResult, decode_result, encode_failure, encode_revoked
from tests.builders import a_reading
from tests.unit.fakes import FakeCacheStore, a_success

ROWS = [a_reading()]
SUCCESS = a_success([0])
FAILURE = decode_result(encode_failure("leader", Failure("PredictionFailed", ["cannot"])))
REVOKED = decode_result(encode_revoked("leader", "released"))
LEADER = Leader("leader", 0.5)


class FakeLookUps:
    """Answers look-ups one after another; None stands for the request itself, which leads."""

    def __init__(self, *found: Found | None) -> None:
        self.found: list[Found | Exception | None] = list(found)

    def look_up(self, flight: Flight, timeout: float) -> Found:
        assert flight.digest == digest_of(ROWS)
        assert timeout > 0
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found or Leader(flight.task_id, 0.5)


class FakeReplies:
    """Tells at once what each task that is watched ended with; without one nothing comes."""

    def __init__(self, clock: "Clock", *answers: Answer | None) -> None:
        self.watched: list[str] = []
        self._answers = list(answers)
        self._clock = clock

    @contextmanager
    def watching(self, task_id: str) -> Iterator[Slot[Answer]]:
        self.watched.append(task_id)
        yield cast("Slot[Answer]", FakeSlot(self._answers.pop(0), self._clock))

    def no_answer(self) -> RegnoError:
        return DeadlineExceeded("No answer within the deadline")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeSlot:
    def __init__(self, answer: Answer | None, clock: Clock) -> None:
        self._answer = answer
        self._clock = clock

    def get(self, timeout: float) -> Answer | None:
        if self._answer is None:
            self._clock.now += timeout
        return self._answer


class Door:
    """A request cache on fakes, and what was computed through it."""

    def __init__(self, *found: Found | None, heard: tuple[Answer | None, ...] = ()) -> None:
        self.clock = Clock()
        self.look_ups = FakeLookUps(*found)
        self.store = FakeCacheStore()
        self.replies = FakeReplies(self.clock, *heard)
        self.registry = CollectorRegistry()
        self.tallies, requests = Tallies(), CACHE_REQUESTS.build(self.registry)
        self.computed: list[tuple[str, CacheTicket | None]] = []
        self.error: Exception | None = None
        self.cache = RequestCache(
            cast("LookUps", self.look_ups),
            FlightKeeper(self.store.as_store(), lambda _where: None),
            cast("ReplyListener", self.replies),
            {use: self.tallies.count(requests.labels(use)) for use in CACHE_USES},
            ttl=1.5,
            clock=self.clock,
        )

    def ask(self, timeout: float = 2.0) -> Answered:
        return self.cache.answer(ROWS, self.clock() + timeout, self._compute)

    def _compute(self, task_id: str, ticket: CacheTicket | None) -> RawResult:
        self.computed.append((task_id, ticket))
        if self.error is not None:
            raise self.error
        return SUCCESS

    def counted(self) -> dict[str, float | None]:
        self.tallies.report()
        name = "regno_cache_requests_total"
        outcomes = ("hit", "miss", "shared")
        return {
            outcome: self.registry.get_sample_value(name, {"outcome": outcome})
            for outcome in outcomes
        }


def test_a_kept_result_is_the_answer() -> None:
    door = Door(SUCCESS)
    assert door.ask() == Answered(SUCCESS, "hit")
    assert door.computed == []
    assert door.counted() == {"hit": 1, "miss": 0, "shared": 0}


def test_a_request_that_leads_asks_the_worker_to_keep_its_result() -> None:
    door = Door(None)
    assert door.ask() == Answered(SUCCESS, "miss")
    [(_, ticket)] = door.computed
    assert ticket == CacheTicket(digest_of(ROWS), 1500)
    assert door.store.released == []
    assert door.counted() == {"hit": 0, "miss": 1, "shared": 0}


def test_a_request_that_follows_gets_the_leaders_result() -> None:
    door = Door(LEADER, heard=(SUCCESS,))
    assert door.ask() == Answered(SUCCESS, "shared")
    assert (door.replies.watched, door.computed) == (["leader"], [])
    assert door.counted() == {"hit": 0, "miss": 0, "shared": 1}


@pytest.mark.parametrize("nothing", [None, REVOKED], ids=["silence", "released"])
@pytest.mark.parametrize(
    ("then", "use"), [(None, "miss"), (SUCCESS, "hit")], ids=["nobody leads", "it is kept"]
)
def test_a_leader_that_leads_to_nothing_is_looked_for_again(
    nothing: RawResult | None, then: Found | None, use: str
) -> None:
    door = Door(LEADER, then, heard=(nothing,))
    assert door.ask() == (SUCCESS, use)


def test_after_a_failure_each_follower_computes_for_itself_and_nothing_is_kept() -> None:
    door = Door(LEADER, heard=(FAILURE,))
    assert door.ask() == Answered(SUCCESS, "miss")
    assert [ticket for _, ticket in door.computed] == [None]


def test_a_follower_waits_for_no_longer_than_its_own_deadline() -> None:
    door = Door(*[LEADER] * 5, heard=(None,) * 5)
    began = door.clock()
    with pytest.raises(DeadlineExceeded):
        door.ask(1.2)
    assert door.clock() == pytest.approx(began + 1.2)
    assert door.computed == []


@pytest.mark.parametrize("error", [DeadlineExceeded("late"), BrokerUnavailable("down")])
def test_a_leader_without_a_result_releases_its_followers(error: RegnoError) -> None:
    door = Door(None)
    door.error = error
    with pytest.raises(type(error)):
        door.ask()
    assert [flight.task_id for flight in door.store.released] == [door.computed[0][0]]


def test_without_redis_a_request_is_refused() -> None:
    door = Door()
    door.look_ups.found = [ResultStoreUnavailable("Redis: away")]
    with pytest.raises(ResultStoreUnavailable):
        door.ask()
    assert door.computed == []


def test_a_request_without_time_looks_nothing_up() -> None:
    door = Door()
    with pytest.raises(DeadlineExceeded):
        door.ask(0)


def test_a_failed_prediction_goes_to_whoever_asked() -> None:
    door = Door(None)
    door.error = PredictionFailed("cannot")
    with pytest.raises(PredictionFailed):
        door.ask()
