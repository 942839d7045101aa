"""The suspects that one connection has delivered, in the order in which they are predicted."""

from collections.abc import Sequence

from kombu.message import Message

from worker.beginnings import Beginnings
from worker.job import Job
from worker.suspects import most_innocent, seconds_until_calm


class Quarantine:
    """Holds suspects; whoever takes one predicts it alone."""

    def __init__(self, beginnings: Beginnings) -> None:
        self._beginnings = beginnings
        self._new: list[Job] = []
        self._jobs: list[Job] = []
        self._counts: list[int] = []
        """How often each of ``_jobs`` has begun; nobody else can begin what is held here."""
        self._newest_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._new or self._jobs)

    def add(self, job: Job, now: float) -> None:
        """A suspect has come."""
        self._new.append(job)
        self._newest_at = now

    def put_back(self, job: Job) -> None:
        """One that was taken could not begin."""
        self._new.insert(0, job)

    def seconds_until_next(self, now: float) -> float:
        """How long until one may be taken, of those that are there. Raises ResultStoreUnavailable.

        ``now`` is of the clock by which they came.
        """
        self._look_up()
        return seconds_until_calm(min(self._counts), self._newest_at, now)

    def take(self) -> Job:
        """Who is next, of those that are there. Raises ResultStoreUnavailable."""
        self._look_up()
        place = most_innocent(self._counts)
        del self._counts[place]
        return self._jobs.pop(place)

    def messages(self) -> Sequence[Message]:
        """The messages of all that wait."""
        return [job.message for job in (*self._jobs, *self._new)]

    def lose(self, channel: object) -> list[Job]:
        """Forgets what came on one channel; what that was."""
        lost = [job for job in (*self._jobs, *self._new) if job.message.channel is channel]
        kept = [
            (job, count)
            for job, count in zip(self._jobs, self._counts, strict=True)
            if job.message.channel is not channel
        ]
        self._jobs, self._counts = [job for job, _ in kept], [count for _, count in kept]
        self._new = [job for job in self._new if job.message.channel is not channel]
        return lost

    def clear(self) -> None:
        """Forgets everything."""
        for held in (self._new, self._jobs, self._counts):
            held.clear()

    def _look_up(self) -> None:
        if self._new:
            self._counts += self._beginnings.count(self._new)
            self._jobs += self._new
            self._new = []
