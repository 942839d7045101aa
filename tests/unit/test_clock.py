"""Redis's clock as a process reckons it."""

import pytest

from shared.clock import DRIFT, Offset, RedisClock, better, measured
from shared.errors import ResultStoreUnavailable
from tests.unit.fakes import FakeClock

REDIS_TIME = 1_700_000_000.0


def an_offset(seconds: float = 1000.0, error: float = 0.001, measured_at: float = 50.0) -> Offset:
    return Offset(seconds, error, measured_at)


class Redis:
    """Tells its time half way through an exchange, which takes as long as it is told to."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.asked = 0
        self.ahead = REDIS_TIME
        self.there, self.back = 0.001, 0.001
        self.connecting = 0.0

    def time(self) -> tuple[int, int]:
        self.asked += 1
        self.clock.advance(self.there + self.connecting)
        self.connecting = 0.0
        told = self.clock() + self.ahead
        self.clock.advance(self.back)
        return int(told), round(told % 1 * 1e6)


class Case:
    """A clock that is learnt from a Redis, both on a time that stands still."""

    def __init__(self) -> None:
        self.monotonic = FakeClock()
        self.redis = Redis(self.monotonic)
        self.clock = RedisClock(self.monotonic)

    def measure(self) -> None:
        self.clock.learn(self.redis.time)

    def wrong_by(self) -> float:
        """Seconds."""
        return self.clock() - (self.monotonic() + self.redis.ahead)


def test_an_exchange_shows_the_offset_within_half_of_its_round_trip() -> None:
    offset = measured(asked=100.0, told=5000.0, heard=100.5)
    assert offset == (5000.0 - 100.25, 0.25, 100.5)


@pytest.mark.parametrize("told_at", [100.0, 100.1, 100.5])
def test_the_truth_lies_within_the_error_whenever_redis_looked_at_its_clock(told_at: float) -> None:
    offset = measured(asked=100.0, told=told_at + 4000.0, heard=100.5)
    assert abs(offset.seconds - 4000.0) <= offset.error


def test_the_first_offset_holds_however_slow() -> None:
    assert better(None, an_offset(error=9)) == an_offset(error=9)


def test_a_slow_exchange_does_not_replace_a_quick_one() -> None:
    quick = an_offset(error=0.001, measured_at=50)
    slow = an_offset(seconds=1000.2, error=0.3, measured_at=51)
    assert better(quick, slow) == quick
    assert better(slow, quick) == quick


def test_an_offset_ages_until_a_slower_exchange_is_more_certain() -> None:
    quick = an_offset(error=0.001, measured_at=0)
    age = (0.01 - 0.001) / DRIFT
    early, late = (an_offset(error=0.01, measured_at=age * part) for part in (0.9, 1.1))
    assert better(quick, early) == quick
    assert better(quick, late) == late


@pytest.mark.parametrize("jump", [-30.0, -0.5, 0.5, 30.0])
def test_a_clock_that_was_set_is_believed_at_once(jump: float) -> None:
    known = an_offset(error=0.001)
    new = an_offset(seconds=known.seconds + jump, error=0.1, measured_at=51)
    assert better(known, new) == new


def test_nobody_can_say_what_the_time_is_before_redis_was_asked() -> None:
    clock = Case().clock
    assert not clock.known
    with pytest.raises(ResultStoreUnavailable):
        clock()


def test_the_time_goes_on_between_two_measurements() -> None:
    case = Case()
    case.measure()
    assert case.clock.known
    case.monotonic.advance(3600)
    assert abs(case.wrong_by()) < 0.001


def test_the_first_exchange_is_followed_by_another_where_connecting_made_it_slow() -> None:
    case = Case()
    case.redis.connecting = 0.4
    case.measure()
    assert abs(case.wrong_by()) < 0.001


def test_a_redis_that_is_always_slow_is_believed_in_the_end() -> None:
    case = Case()
    case.redis.there = 0.4
    case.measure()
    assert abs(case.wrong_by()) <= 0.2


def test_a_redis_that_is_always_slow_is_asked_once_a_time_when_it_is_known() -> None:
    case = Case()
    case.redis.there = 0.4
    case.measure()
    before = case.redis.asked
    case.measure()
    assert case.redis.asked == before + 1


def test_a_pause_in_the_middle_of_an_exchange_spoils_nothing() -> None:
    case = Case()
    case.measure()
    case.redis.back = 30
    case.measure()
    assert abs(case.wrong_by()) < 0.001


def test_an_exchange_that_fails_leaves_the_time_as_it_was() -> None:
    case = Case()
    case.measure()

    def fail() -> tuple[int, int]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        case.clock.learn(fail)
    assert abs(case.wrong_by()) < 0.001


def test_another_redis_with_another_time_is_followed() -> None:
    case = Case()
    case.measure()
    case.redis.ahead -= 30
    case.measure()
    assert abs(case.wrong_by()) < 0.001
