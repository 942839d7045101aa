"""A trouble that goes on is said at once, and then from time to time."""

from shared.reminder import AGAIN_SECONDS, Reminder
from tests.unit.fakes import FakeClock


def test_the_same_trouble_is_said_once_a_while_and_another_one_at_once() -> None:
    clock = FakeClock()
    reminder = Reminder(clock)
    assert reminder.due("down")
    clock.advance(AGAIN_SECONDS / 2)
    assert not reminder.due("down")
    clock.advance(AGAIN_SECONDS / 2)
    assert reminder.due("down")
    assert not reminder.due("down")
    assert reminder.due("refused")


def test_a_trouble_that_comes_back_is_said_again() -> None:
    reminder = Reminder(FakeClock())
    assert reminder.due("down")
    reminder.over()
    assert reminder.due("down")
