"""What a worker counts of its batches, at well under a hundredth of what they cost."""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter, itemgetter

from shared.features import FeatureRow
from shared.instruments import Count
from shared.metrics import WorkerMetrics
from shared.queues import TASK_NAME, Lane
from shared.results import Prediction
from worker.ends import CANCELLED, EXPIRED, GIVEN_UP, SUCCEEDED, End
from worker.job import Job
from worker.store import Outcome

WATCHED_INPUTS = (
    "afts_regno_ai_score",
    "recognition_accuracy",
    "min_sym_score",
    "max_len_score",
    "ai_len",
    "cam_len",
)
"""Features of the contract: how sure camera and network are, and how long what they read is."""

_FULL_ACCURACY = 100.0
_LONGEST_WAIT_SECONDS = 3600.0
"""What a longer wait counts as: when a task was published is said by a header, which may lie."""

_watched = itemgetter(*map(FeatureRow._fields.index, WATCHED_INPUTS))
_positive = attrgetter("positive")


class BatchCounts:
    """Counts in the event loop's thread; ``report`` shows what has gathered."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        tallies = metrics.tallies
        self.report = tallies.report
        self.unexpected = metrics.unexpected
        self._metrics = metrics
        self._received = {
            lane: tallies.count(metrics.received.labels(TASK_NAME, lane)) for lane in Lane
        }
        self._waits = {lane: tallies.distribution(metrics.queue_wait.labels(lane)) for lane in Lane}
        self._rows = tallies.distribution(metrics.batch_rows)
        self._feature_times = tallies.distribution(metrics.feature_duration)
        self._predict_times = tallies.distribution(metrics.predict_duration)
        self._store_times = tallies.distribution(metrics.store_duration)
        self._scores = tallies.distribution(metrics.prediction_score)
        self._inputs = [
            tallies.distribution(metrics.input_value.labels(name)) for name in WATCHED_INPUTS
        ]
        self._ended = cache(self._make_ended)  # looking labels up costs more than counting
        for lane in Lane:
            for end in (SUCCEEDED, GIVEN_UP, EXPIRED, CANCELLED):  # from 0 on
                self._ended(lane, end)

    def received(self, lane: Lane) -> None:
        """A task was delivered."""
        self._received[lane].add()

    def taken(self, jobs: Sequence[Job], now: float) -> None:
        """A batch was begun at ``now``, Unix time in seconds."""
        for job in jobs:
            if job.published_at is not None:
                # Every process reckons the one clock a little differently.
                waited = max(0.0, now - job.published_at)
                self._waits[job.lane].add(min(waited, _LONGEST_WAIT_SECONDS))

    def predicted(
        self,
        features: Sequence[FeatureRow],
        predictions: Sequence[Prediction],
        feature_seconds: float,
        predict_seconds: float,
    ) -> None:
        """A call of the model for these rows, and what it cost."""
        self._rows.add(len(features))
        self._feature_times.add(feature_seconds)
        self._predict_times.add(predict_seconds)
        self._scores.add_all(map(_positive, predictions))
        score, accuracy, *others = zip(*map(_watched, features), strict=True)
        columns = (score, [percent / _FULL_ACCURACY for percent in accuracy], *others)
        for values, column in zip(self._inputs, columns, strict=True):
            values.add_all(column)

    def stored(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """These are in Redis, which took so long: their tasks have ended, once."""
        self._store_times.add(seconds)
        for job, _, end in outcomes:
            self._ended(job.lane, end).add()

    def _make_ended(self, lane: Lane, end: End) -> Count:
        metrics, labels = self._metrics, (TASK_NAME, lane)
        if end.kind == "before":
            return metrics.tallies.count()
        if end.kind == "succeeded":
            return metrics.tallies.count(metrics.succeeded.labels(*labels))
        counter = metrics.failed if end.kind == "failed" else metrics.revoked
        return metrics.tallies.count(counter.labels(*labels, end.why))
