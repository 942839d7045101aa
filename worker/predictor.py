"""From a batch of jobs to one outcome each. Nothing here acknowledges or waits."""

import logging
from collections.abc import Callable, Container, Sequence

from shared.errors import GivenUp, InvalidField, NotRegistered, PredictionFailed, RegnoError
from shared.features import feature_rows
from shared.log import SENT_FIELD
from shared.metrics import Where
from shared.queues import Lane
from shared.results import (
    ERRORS_MODULE,
    Failure,
    Prediction,
    Predictions,
    encode_failure,
    encode_piece,
    encode_revoked,
    encode_success,
)
from worker.beginnings import Beginnings
from worker.counts import BatchCounts
from worker.ends import BEFORE, CANCELLED, EXPIRED, GIVEN_UP, SUCCEEDED, End, failed
from worker.gather import Piece
from worker.job import Job
from worker.model import Model
from worker.store import Outcome, ResultStore
from worker.suspects import is_poison

_logger = logging.getLogger(__name__)

_CELERYS = "celery.exceptions"
"""Where Celery's clients look for an error that Celery's own worker stores too."""


class BatchPredictor:
    """Drops what must not be computed, predicts the rest in one call, gives each its outcome."""

    def __init__(
        self,
        model: Model,
        store: ResultStore,
        beginnings: Beginnings,
        revoked: Container[str],
        counts: BatchCounts,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """``revoked`` holds the ids revoked by Celery's remote control.

        ``clock`` is monotonic, ``wall_clock`` gives Unix time, by the clock that deadlines are set
        by; both in seconds. While that is not known, nothing is begun.
        """
        self._model = model
        self._store = store
        self._beginnings = beginnings
        self._revoked = revoked
        self._counts = counts
        self._clock = clock
        self._wall_clock = wall_clock

    def outcomes(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome a job, in no particular order. Raises ResultStoreUnavailable."""
        done: list[Outcome] = []
        ready: list[Job] = []
        taken_at = self._wall_clock()
        claimed = self._claimed(jobs, done)
        self._counts.taken(jobs, taken_at)
        now = self._wall_clock()
        for job in claimed:
            outcome = self._dropped(job, now)
            if outcome is None and job.redelivery is not None:
                outcome = self._given_up(job)
            if outcome is not None:
                done.append(outcome)
            else:
                ready.append(job)
        if _logger.isEnabledFor(logging.DEBUG):
            for job in ready:
                _logger.debug("to be predicted", extra=job.ids)
        return done + self._predicted(ready)

    def _claimed(self, jobs: Sequence[Job], done: list[Outcome]) -> list[Job]:
        """Jobs that are still to be done; the others are in ``done``.

        An async task may have been cancelled, finished before a redelivery, or begun by another
        message of it. An array may have ended by another of its chunks. Nothing else can end a
        sync task before it runs.
        """
        claimed = [job for job in jobs if job.lane is Lane.ASYNC or job.chunk is not None]
        if not claimed:
            return list(jobs)
        ends = self._store.claim(claimed)
        ended = [(job, end) for job, end in zip(claimed, ends, strict=True) if end is not None]
        done += [Outcome(job, None, self._ended(job, end)) for job, end in ended]
        settled = {id(job) for job, _ in ended}
        return [job for job in jobs if id(job) not in settled]

    def _ended(self, job: Job, end: End) -> End:
        """How a job had ended: whoever gave it up may have died before it was dead-lettered."""
        if end is BEFORE and job.redelivery is not None:
            [begun] = self._beginnings.count([job])
            return GIVEN_UP if is_poison(begun) else end
        return end

    def _dropped(self, job: Job, now: float) -> Outcome | None:
        """The outcome of a job that must not be computed."""
        if job.expired(now):
            return Outcome(job, encode_revoked(job.result_id, EXPIRED.why), EXPIRED)
        if job.task_id in self._revoked or job.result_id in self._revoked:
            return Outcome(job, encode_revoked(job.result_id, "revoked"), CANCELLED)
        if job.failure is not None:
            return _failure(job, job.failure)
        return None

    def _given_up(self, job: Job) -> Outcome | None:
        """The end of a suspect that must be what ends its workers; else None, and it begins.

        A message that RabbitMQ would dead-letter next time ends here too: it tells nobody.
        """
        begun = self._beginnings.note(job)
        if is_poison(begun):
            why = f"begun {begun} times"
        elif job.last_delivery:
            why = f"delivered {job.failed_deliveries + 1} times"
        else:
            return None
        error = GivenUp(f"Given up: {why} and never finished")
        what = "dead-lettered" if job.lane is Lane.ASYNC else "dropped"
        _logger.error("request %s is %s: %s", job.request_id, what, error, extra=job.ids)
        self._counts.unexpected(Where.PREDICTION)
        return _failure(job, error)

    def _predicted(self, jobs: Sequence[Job]) -> list[Outcome]:
        if not jobs:
            return []
        began = self._clock()
        features = feature_rows([row for job in jobs for row in job.rows])
        built = self._clock()
        try:
            predictions = self._model.score(features)
        except PredictionFailed as error:
            return self._one_by_one(jobs, error)
        self._counts.predicted(features, predictions, built - began, self._clock() - built)
        outcomes = []
        start = 0
        for job in jobs:
            end = start + len(job.rows)
            outcomes.append(self._success(job, predictions[start:end]))
            start = end
        return outcomes

    def _one_by_one(self, jobs: Sequence[Job], error: PredictionFailed) -> list[Outcome]:
        """One row spoils a batch: find whose it is, so that its neighbours get their answers."""
        if len(jobs) == 1:
            job = jobs[0]
            about = {**job.ids, SENT_FIELD: job.rows}
            _logger.error("request %s failed", job.request_id, exc_info=error, extra=about)
            self._counts.unexpected(Where.PREDICTION)
            return [_failure(job, error)]
        return [outcome for job in jobs for outcome in self._predicted([job])]

    def _success(self, job: Job, predictions: list[Prediction]) -> Outcome:
        result = Predictions(self._model.version, predictions)
        if job.chunk is not None:
            return Outcome(job, Piece(job.chunk, encode_piece(result)), SUCCEEDED)
        return Outcome(job, encode_success(job.task_id, result), SUCCEEDED)


def _failure(job: Job, error: RegnoError) -> Outcome:
    """The error in Celery's form; a field's pointer is its second argument."""
    pointer = [error.pointer] if isinstance(error, InvalidField) else []
    module = _CELERYS if isinstance(error, NotRegistered) else ERRORS_MODULE
    failure = Failure(type(error).__name__, [error.detail, *pointer], module)
    end = GIVEN_UP if isinstance(error, GivenUp) else failed(error)
    return Outcome(job, encode_failure(job.result_id, failure), end)
