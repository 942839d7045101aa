"""What may help is tried at once, and then less and less often."""

from api.dispatch.backoff import Backoff
from tests.unit.fakes import FakeClock


def tries(backoff: Backoff, clock: FakeClock, seconds: int) -> list[float]:
    """At which seconds from now it is due, for who asks four times a second."""
    began, due = clock.now, []
    while clock.now < began + seconds:
        if backoff.due():
            due.append(clock.now - began)
        clock.advance(0.25)
    return due


def test_pauses_double_up_to_the_longest() -> None:
    clock = FakeClock()
    assert tries(Backoff(clock, 0.5, 5.0), clock, 20) == [0.0, 0.5, 1.5, 3.5, 7.5, 12.5, 17.5]


def test_once_all_is_well_it_begins_anew() -> None:
    clock = FakeClock()
    backoff = Backoff(clock, 0.5, 5.0)
    tries(backoff, clock, 10)
    backoff.over()
    assert tries(backoff, clock, 2) == [0.0, 0.5, 1.5]
