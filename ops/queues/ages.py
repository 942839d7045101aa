"""How long the oldest message of a queue has waited, without looking at a message.

A queue is first in, first out: if 100 messages were ever published to it and 10 are ready, the
oldest of these is number 91, and it came when the count of what was published passed 91. So it is
enough to remember when the count passed which number.
"""

from bisect import bisect_left
from operator import attrgetter
from typing import NamedTuple

MAX_MARKS = 2048
"""Of a queue whose oldest message is old: over an hour at a look every two seconds."""


class Mark(NamedTuple):
    """How many messages had been published, and from when until when that was seen."""

    published: int
    first: float
    last: float


class OldestMessage:
    """One queue's oldest ready message. Instants are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._published = 0
        self._unseen = 0
        self._empty_at: float | None = None

    def age(self, published: int, ready: int, now: float) -> float:
        """Seconds that the oldest of ``ready`` messages has waited; 0.0 where there is none.

        What was there at the first look is taken for as old as that look. Between two looks
        messages are taken to have come evenly.
        """
        count = self._count(published, ready)
        if ready == 0:
            self._marks = [Mark(count, now, now)]
            self._empty_at = now
            return 0.0
        self._mark(count, now)
        oldest = count - ready + 1
        self._forget_before(oldest)
        since = self._passed(oldest)
        if self._empty_at is not None:
            since = max(since, self._empty_at)  # nothing that is there came before
        return now - since

    def _count(self, published: int, ready: int) -> int:
        """A count that only rises, and that includes what is ready.

        RabbitMQ counts from 0 again after a restart, and does not count what was dead-lettered
        to a queue.
        """
        if published < self._published:
            self._unseen += self._published
        self._published = published
        self._unseen += max(0, ready - self._unseen - published)
        return self._unseen + published

    def _mark(self, count: int, now: float) -> None:
        marks = self._marks
        if marks and marks[-1].published == count:
            marks[-1] = marks[-1]._replace(last=now)
        else:
            marks.append(Mark(count, now, now))

    def _forget_before(self, number: int) -> None:
        """Keeps one mark below ``number``, and no more marks than are affordable."""
        self._marks = self._marks[max(0, self._place(number) - 1) :]
        if len(self._marks) > MAX_MARKS:
            self._marks = [*self._marks[:-1:2], self._marks[-1]]

    def _passed(self, number: int) -> float:
        """When the count passed ``number``, which it has."""
        place = self._place(number)
        after = self._marks[place]
        if place == 0:
            return after.first
        before = self._marks[place - 1]
        share = (number - before.published) / (after.published - before.published)
        return before.last + share * (after.first - before.last)

    def _place(self, number: int) -> int:
        """Place of the first mark that is not below ``number``."""
        return bisect_left(self._marks, number, key=attrgetter("published"))
