"""Flights are kept alive, and look-ups made, from threads of their own that nothing ends."""

import pytest

from api.dispatch.cache_store import Flight, Leader
from api.dispatch.flights import FlightKeeper
from api.dispatch.look_ups import MAX_TOGETHER, LookUps
from shared.errors import DeadlineExceeded, ResultStoreUnavailable
from shared.metrics import Where
from tests.unit.fakes import FakeCacheStore


@pytest.fixture
def store() -> FakeCacheStore:
    return FakeCacheStore()


@pytest.fixture
def failures() -> list[Where]:
    return []


@pytest.fixture
def look_ups(store: FakeCacheStore, failures: list[Where]) -> LookUps:
    return LookUps(store.as_store(), failures.append)


def test_what_is_ready_is_looked_up_together_in_lots_that_are_bounded(
    store: FakeCacheStore, look_ups: LookUps
) -> None:
    for number in range(MAX_TOGETHER + 10):
        assert look_ups.look_up(Flight("rows", str(number)), 0) is None
    look_ups.start()
    assert look_ups.look_up(Flight("rows", "last"), 5) == Leader("last", 0.5)
    look_ups.stop()
    assert store.lots[0] == MAX_TOGETHER
    assert sum(store.lots) == MAX_TOGETHER + 11


def test_an_error_goes_to_everybody_and_the_next_are_answered(
    store: FakeCacheStore, look_ups: LookUps, failures: list[Where]
) -> None:
    look_ups.start()
    for fault in ("away", "broken"):
        setattr(store, fault, True)
        with pytest.raises(ResultStoreUnavailable):
            look_ups.look_up(Flight("rows", "task"), 5)
        setattr(store, fault, False)
        assert look_ups.look_up(Flight("rows", "task"), 5) == Leader("task", 0.5)
    look_ups.stop()
    assert failures == [Where.LOOK_UPS]  # Redis away is no surprise


def test_a_look_up_is_not_waited_for_after_the_deadline(look_ups: LookUps) -> None:
    assert look_ups.look_up(Flight("rows", "task"), 0.001) is None  # it was never started


def test_what_was_asked_before_the_stop_is_looked_up(
    store: FakeCacheStore, look_ups: LookUps
) -> None:
    for number in range(3):
        assert look_ups.look_up(Flight("rows", str(number)), 0) is None
    look_ups.start()
    look_ups.stop()
    assert sum(store.lots) == 3


def test_that_redis_is_away_hides_no_other_error(failures: list[Where]) -> None:
    store = FakeCacheStore()
    store.away = True
    keeper = FlightKeeper(store.as_store(), failures.append)
    with pytest.raises(DeadlineExceeded), keeper.leading(Flight("rows", "task")):
        raise DeadlineExceeded("late")


def test_a_flight_is_renewed_while_it_is_led_although_redis_was_away(
    failures: list[Where],
) -> None:
    store = FakeCacheStore()
    store.away = True
    keeper = FlightKeeper(store.as_store(), failures.append)
    keeper.start()
    flight = Flight("rows", "task")
    try:
        with keeper.leading(flight):
            assert store.renewals.acquire(timeout=5)
            store.away = False
            assert store.renewals.acquire(timeout=5)
    finally:
        keeper.stop()
    assert store.renewed == {flight}
    assert failures == []
