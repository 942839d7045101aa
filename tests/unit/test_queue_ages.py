"""The age of the oldest message follows from two counts, looked at now and then."""

import pytest

from ops.queues.ages import MAX_MARKS, OldestMessage


class Queue:
    """A queue that is first in, first out, with the true age of its oldest message beside it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.published = 0
        self.waiting: list[float] = []
        self._oldest = OldestMessage()

    def publish(self, messages: int = 1) -> None:
        self.published += messages
        self.waiting += [self.now] * messages

    def take(self, messages: int = 1) -> None:
        del self.waiting[:messages]

    def look(self) -> float:
        return self._oldest.age(self.published, len(self.waiting), self.now)

    def true_age(self) -> float:
        return self.now - self.waiting[0] if self.waiting else 0.0


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_an_empty_queue_has_no_age(queue: Queue) -> None:
    assert queue.look() == 0.0
    queue.publish(5)
    queue.take(5)
    queue.now += 10
    assert queue.look() == 0.0


def test_a_message_that_nobody_takes_grows_older(queue: Queue) -> None:
    queue.look()
    queue.publish()
    assert queue.look() == 0.0
    for age in (2.0, 4.0, 6.0):
        queue.now += 2
        assert queue.look() == age


def test_what_was_there_at_the_first_look_is_as_old_as_that_look(queue: Queue) -> None:
    queue.publish(50)
    queue.take(40)
    queue.now += 100
    assert queue.look() == 0.0
    queue.now += 5
    assert queue.look() == 5.0


def test_when_the_oldest_is_taken_the_next_one_is_the_oldest(queue: Queue) -> None:
    queue.look()
    for _ in range(3):
        queue.publish()
        queue.look()
        queue.now += 10
    assert queue.look() == 30.0
    queue.take()
    assert queue.look() == 20.0
    queue.take(2)
    assert queue.look() == 0.0


def test_messages_between_two_looks_are_taken_to_have_come_evenly(queue: Queue) -> None:
    queue.look()
    queue.now += 4
    queue.publish(8)  # all at the end, in truth
    assert queue.look() == pytest.approx(3.5)
    queue.take(4)
    assert queue.look() == pytest.approx(1.5)


def test_a_message_after_a_long_silence_is_young(queue: Queue) -> None:
    queue.publish()
    queue.look()
    for _ in range(100):
        queue.now += 2
        queue.look()
    queue.take()
    queue.publish()
    queue.now += 2
    assert queue.look() <= 2


def test_in_a_steady_flow_it_is_right_to_the_interval_of_looking(queue: Queue) -> None:
    queue.look()
    for second in range(600):
        queue.publish(50)
        queue.now += 1
        if second > 60:
            queue.take(52)
        if second % 2:
            assert queue.look() == pytest.approx(queue.true_age(), abs=2.0)


def test_after_a_restart_the_broker_counts_anew_and_what_it_kept_keeps_its_age(
    queue: Queue,
) -> None:
    queue.look()
    queue.publish(10)
    queue.look()
    queue.now += 20
    queue.look()
    queue.published = 0
    queue.now += 2
    assert queue.look() == 22.0
    queue.publish(3)
    queue.take(10)
    queue.now += 2
    assert queue.look() <= 4


def test_messages_that_the_broker_does_not_count_have_an_age_too(queue: Queue) -> None:
    queue.look()
    for _ in range(3):  # dead-lettered
        queue.publish()
        queue.published = 0
        queue.look()
        queue.now += 10
    assert queue.look() == 30.0
    queue.take()
    assert queue.look() == 20.0


def test_nothing_is_older_than_when_the_queue_was_last_seen_empty(queue: Queue) -> None:
    queue.look()
    queue.publish()
    queue.published = 0
    queue.look()
    queue.take()
    queue.now += 100
    queue.look()
    queue.publish()
    queue.published = 0
    queue.now += 2
    assert queue.look() <= 2


def test_a_very_old_message_costs_bounded_memory_and_keeps_its_age(queue: Queue) -> None:
    queue.look()
    looks = 3 * MAX_MARKS
    for _ in range(looks):
        queue.publish(2)
        queue.look()
        queue.now += 2
    assert queue.look() == pytest.approx(2 * looks, abs=2.0)
    queue.take(looks)
    assert queue.look() == pytest.approx(queue.true_age(), abs=8.0)
