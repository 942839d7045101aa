"""Collects jobs, has them predicted and stored, and acknowledges them: in that order.

Everything runs in Celery's event loop, one step at a time: while a batch is predicted the
next one gathers in the socket, so under load batches fill by themselves. Reading what has gathered
may take longer than a batch waits for company; it goes on for as long as the last batch took.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial

from amqp.exceptions import RecoverableConnectionError
from celery.exceptions import WorkerShutdown
from celery.platforms import EX_FAILURE

from shared.errors import ResultStoreUnavailable
from shared.queues import TASK_NAME, Lane
from shared.reminder import Reminder
from worker.acknowledge import acknowledge
from worker.alarm import Alarm, Timer
from worker.batching import Arrivals, BatchLimits, seconds_until_due, take_batch
from worker.counts import BatchCounts
from worker.ends import GIVEN_UP
from worker.job import Job
from worker.predictor import BatchPredictor
from worker.quarantine import Quarantine
from worker.store import Outcome, ResultStore
from worker.task_events import TaskEvents
from worker.watch import Signs

_logger = logging.getLogger(__name__)

STORE_RETRY_SECONDS = 0.25

_ENDS_OF_READING = (TimeoutError, BlockingIOError, InterruptedError)
"""A batch may be done while messages are read, and of reading these say that there are no more."""


class Batcher:
    """The jobs that one connection has delivered and that are not acknowledged yet."""

    def __init__(
        self,
        predictor: BatchPredictor,
        store: ResultStore,
        limits: BatchLimits,
        timer: Timer,
        counts: BatchCounts,
        *,
        quarantine: Quarantine,
        events: TaskEvents,
        signs: Signs,
        reading: Callable[[], bool],
        connection_errors: tuple[type[Exception], ...],
        clock: Callable[[], float],
        done: Counter[str],
    ) -> None:
        """``clock`` is monotonic, in seconds; ``done`` counts ended tasks by name.

        ``reading`` says whether more may have arrived; then ``all_read`` is called in the end.
        """
        self._predictor = predictor
        self._store = store
        self._limits = limits
        self._quarantine = quarantine
        self._counts = counts
        self._events = events
        self._signs = signs
        self._reading = reading
        self._connection_errors = connection_errors
        self._clock = clock
        self._done = done
        self._waiting: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}
        self._rows = 0
        self._oldest_at = 0.0
        self._arrivals = Arrivals()
        self._due = Alarm(timer, partial(self._or_end, self._on_due))
        self._suspect_due = Alarm(timer, partial(self._or_end, self._on_suspect_due))
        self._paused = False
        self._reminder = Reminder(clock)
        self._unstored: list[Outcome] = []
        self._batch_began = 0.0
        self._last_batch_seconds = 0.0

    def add(self, job: Job) -> None:
        """Takes a job over. It is acknowledged once its outcome is stored."""
        now = self._clock()
        self._counts.received(job.lane)
        self._signs.took(job.lane)
        if job.redelivery is not None:
            self._quarantine.add(job, now)
            self._suspect_due.set(0.0)
            return
        self._arrivals.add(now)
        if not self._rows:
            self._oldest_at = now
        self._waiting[job.lane].append(job)
        self._rows += _room(job)
        self._flush_when_due()

    def all_read(self) -> None:
        """All that had arrived was added."""
        if self._rows:
            self._flush_when_due()

    def flush(self) -> None:
        """Predicts what waits, until nothing waits or Redis is away. Suspects come last."""
        self._flush_batches()
        while self._quarantine and not self._paused:
            self._run_suspect()

    def _flush_batches(self) -> None:
        while self._rows and not self._paused:
            batch = take_batch(
                self._waiting[Lane.SYNC], self._waiting[Lane.ASYNC], self._limits.rows
            )
            self._rows -= sum(map(_room, batch))
            self._run(batch)
        self._arrivals.worked_until(self._clock())

    def discard(self) -> None:
        """Forgets everything: the connection is gone and the broker delivers it all again."""
        for line in self._waiting.values():
            line.clear()
        self._quarantine.clear()
        self._suspect_due.cancel()
        self._unstored = []
        self._rows = 0
        self._signs.dropped_all()

    def lose(self, channel: object) -> None:
        """Forgets what came on one channel: it is closed and the broker delivers that again."""
        lost = self._quarantine.lose(channel)
        for lane, line in self._waiting.items():
            lost += [job for job in line if job.message.channel is channel]
            self._waiting[lane] = deque(job for job in line if job.message.channel is not channel)
        lost += [job for job, *_ in self._unstored if job.message.channel is channel]
        self._unstored = [one for one in self._unstored if one.job.message.channel is not channel]
        self._rows = sum(_room(job) for line in self._waiting.values() for job in line)
        for job in lost:
            self._signs.gave_back(job.lane)

    def _flush_when_due(self) -> None:
        if self._paused:
            return
        due_in = seconds_until_due(
            self._rows, self._oldest_at, self._clock(), self._arrivals.gap(), self._limits
        )
        if due_in:
            if not self._due.is_set:
                self._due.set(due_in)
        elif self._rows >= self._limits.rows or not self._may_read_on():
            self._flush_batches()

    def _may_read_on(self) -> bool:
        """Reading what has arrived may take as long as the last batch took, so that it pays."""
        return self._reading() and self._clock() - self._oldest_at < self._last_batch_seconds

    def _on_suspect_due(self) -> None:
        """One suspect at a time: what has come meanwhile and is above suspicion goes before it."""
        self._flush_batches()
        if self._paused or not self._quarantine:
            return
        try:
            wait = self._quarantine.seconds_until_next(self._clock())
        except ResultStoreUnavailable as error:
            self._pause(error)
            return
        if not wait:
            self._run_suspect()
        if self._quarantine:
            self._suspect_due.set(wait)

    def _run_suspect(self) -> None:
        try:
            job = self._quarantine.take()
        except ResultStoreUnavailable as error:
            self._pause(error)
            return
        self._run([job])
        self._arrivals.worked_until(self._clock())

    def _run(self, batch: Sequence[Job]) -> None:
        self._batch_began = self._clock()
        self._signs.began_batch()
        self._or_end(partial(self._predict, batch))

    def _or_end(self, step: Callable[[], None]) -> None:
        """Takes a step in which an error that nobody foresaw ends the worker.

        kombu's timer would log it and go on. But what the step had taken in hand is in no line any
        more: it would be acknowledged together with whatever comes after it, without a result.
        """
        try:
            step()
        except self._connection_errors as error:  # the worker connects anew; all comes again
            if isinstance(error, _ENDS_OF_READING):
                raise RecoverableConnectionError(f"While a batch was done: {error!r}") from error
            raise
        except Exception as error:
            _logger.critical("an error that nobody foresaw: the worker ends", exc_info=error)
            self._paused = True  # for good: while it ends nothing is acknowledged any more
            self._due.cancel()
            self._suspect_due.cancel()
            raise WorkerShutdown(EX_FAILURE) from error

    def _predict(self, batch: Sequence[Job]) -> None:
        try:
            outcomes = self._predictor.outcomes(batch)
        except ResultStoreUnavailable as error:
            for job in reversed(batch):
                self._put_back(job)
            self._pause(error)
            return
        self._settle(outcomes)

    def _put_back(self, job: Job) -> None:
        if job.redelivery is not None:
            self._quarantine.put_back(job)
        else:
            self._waiting[job.lane].appendleft(job)
            self._rows += _room(job)

    def _settle(self, outcomes: list[Outcome]) -> None:
        began = self._clock()
        try:
            self._store.store(outcomes)
        except ResultStoreUnavailable as error:
            self._unstored = outcomes
            self._pause(error)
            return
        self._unstored = []
        self._reminder.over()
        now = self._clock()
        self._counts.stored(outcomes, now - began)
        self._done[TASK_NAME] += len(outcomes)
        done = []
        for job, _, end in outcomes:
            self._signs.gave_back(job.lane)
            if (
                end is GIVEN_UP or job.refused
            ):  # to the dead letters; of the sync lane, which has none, nowhere
                job.message.reject_log_error(_logger, self._connection_errors)
            else:
                done.append(job.message)
        waiting = [line[0].message for line in self._waiting.values() if line]
        acknowledge(done, [*waiting, *self._quarantine.messages()], self._connection_errors)
        self._last_batch_seconds = now - self._batch_began
        self._events.ended(outcomes, self._last_batch_seconds)

    def _pause(self, error: ResultStoreUnavailable) -> None:
        """Without Redis an outcome has nowhere to go: what waits stays, unacknowledged."""
        if self._reminder.due(str(error)):
            _logger.warning("results wait: %s", error)
        self._paused = True
        self._due.set(STORE_RETRY_SECONDS)  # puts off the flush that was due

    def _on_due(self) -> None:
        self._paused = False
        if self._unstored:
            self._settle(self._unstored)
        if self._rows:
            self._flush_when_due()
        if self._quarantine:
            self._suspect_due.set(0.0)


def _room(job: Job) -> int:
    """The rows a job takes up in a batch; one without rows still takes work."""
    return max(1, len(job.rows))
