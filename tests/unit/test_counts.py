"""What a worker tells of its batches: each task once, each row once, when it is certain."""

from collections import Counter

import pytest
from prometheus_client import CollectorRegistry

from shared.errors import InvalidField, ResultStoreUnavailable
from shared.metrics import WorkerMetrics
from shared.queues import TASK_NAME, Lane
from tests.builders import a_reading
from tests.unit.fakes import (
    SPOILT,
    FakeBeginnings,
    FakeClock,
    FakeModel,
    FakeStore,
    a_job,
    no_events,
)
from worker.batcher import STORE_RETRY_SECONDS, Batcher
from worker.batching import BatchLimits
from worker.counts import WATCHED_INPUTS, BatchCounts
from worker.ends import BEFORE, CANCELLED, EXPIRED
from worker.predictor import BatchPredictor
from worker.quarantine import Quarantine
from worker.suspects import MOST_BEGINNINGS
from worker.watch import Signs

NOW = 1_700_000_000.0


class Case:
    """A worker's parts on fakes, and the metrics that it shows."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._counts = BatchCounts(WorkerMetrics(self._registry))
        self.model, self.store, self.clock = FakeModel(), FakeStore(), FakeClock()
        self.beginnings = FakeBeginnings(poison=MOST_BEGINNINGS)
        self.predictor = BatchPredictor(
            self.model.as_model(),
            self.store.as_store(),
            self.beginnings.as_beginnings(),
            {"unwanted"},
            self._counts,
            clock=self.clock,
            wall_clock=lambda: NOW,
        )
        self.batcher = Batcher(
            self.predictor,
            self.store.as_store(),
            BatchLimits(rows=100, wait=0.25),
            self.clock,
            self._counts,
            quarantine=Quarantine(self.beginnings.as_beginnings()),
            events=no_events(),
            signs=Signs(),
            reading=lambda: False,
            connection_errors=(OSError,),
            clock=self.clock,
            done=Counter(),
        )

    def value(self, metric: str, /, **labels: str) -> float | None:
        self._counts.report()
        return self._registry.get_sample_value(metric, labels)

    def tasks(self, what: str, lane: Lane = Lane.SYNC, **labels: str) -> float | None:
        name = f"celery_task_{what}_total"
        return self.value(name, name=TASK_NAME, queue_name=lane, **labels)


@pytest.mark.parametrize("lane", Lane)
def test_a_task_is_received_and_succeeds_in_its_lane(lane: Lane) -> None:
    case = Case()
    case.batcher.add(a_job("one", lane=lane))
    other = Lane.SYNC if lane is Lane.ASYNC else Lane.ASYNC
    assert (case.tasks("received", lane), case.tasks("succeeded", lane)) == (1, 1)
    assert (case.tasks("received", other), case.tasks("succeeded", other)) == (0, 0)


def test_what_cannot_be_stored_yet_has_not_succeeded_yet_and_succeeds_once() -> None:
    case = Case()
    case.store.away = True
    case.batcher.add(a_job("one"))
    case.clock.advance(3 * STORE_RETRY_SECONDS)
    assert (case.tasks("received"), case.tasks("succeeded")) == (1, 0)
    assert case.value("regno_store_duration_seconds_count") == 0
    case.store.away = False
    case.clock.advance(STORE_RETRY_SECONDS)
    assert (case.tasks("received"), case.tasks("succeeded")) == (1, 1)
    assert case.value("regno_batch_rows_sum") == 1
    assert case.value("regno_store_duration_seconds_count") == 1


def test_an_expired_task_a_cancelled_one_and_a_revoked_one_are_told_apart() -> None:
    case = Case()
    case.store.settled_before = {"cancelled": CANCELLED, "late": EXPIRED, "done": BEFORE}
    case.batcher.add(a_job("expired", expires_at=NOW))
    case.batcher.add(a_job("unwanted"))
    for task_id in case.store.settled_before:
        case.batcher.add(a_job(task_id, lane=Lane.ASYNC))
    case.batcher.flush()
    assert case.tasks("revoked", reason="expired") == 1
    assert case.tasks("revoked", reason="cancelled") == 1
    assert case.tasks("revoked", Lane.ASYNC, reason="expired") == 1
    assert case.tasks("revoked", Lane.ASYNC, reason="cancelled") == 1
    assert case.tasks("received", Lane.ASYNC) == 3  # "done" ended before, elsewhere
    assert case.tasks("succeeded", Lane.ASYNC) == 0
    assert case.value("regno_batch_rows_count") == 0


def test_a_failure_is_told_by_its_error() -> None:
    case = Case()
    case.batcher.add(a_job("odd", rows=[], failure=InvalidField("no", "/0")))
    case.batcher.add(a_job("spoilt", rows=[a_reading(afts_regno_ai=SPOILT)]))
    assert case.tasks("failed", exception="InvalidField") == 1
    assert case.tasks("failed", exception="PredictionFailed") == 1
    assert case.value("regno_unexpected_errors_total", where="prediction") == 1


def test_the_rows_of_a_batch_are_counted_once_though_it_is_tried_again_row_by_row() -> None:
    case = Case()
    spoilt = a_job("spoilt", rows=[a_reading(afts_regno_ai=SPOILT)])
    case.predictor.outcomes([a_job("one", 1), spoilt, a_job("three", 1, 2, 3)])
    assert case.model.batches == [5, 1, 1, 3]
    assert case.value("regno_batch_rows_sum") == 4
    assert case.value("regno_prediction_score_count") == 4
    assert case.value("regno_predict_duration_seconds_count") == 2
    assert case.value("regno_feature_duration_seconds_count") == 2


def test_the_wait_is_from_publishing_to_the_batch_and_never_negative() -> None:
    case = Case()
    jobs = [a_job("old"), a_job("fast clock"), a_job("of a plain client")]
    moments = [NOW - 1.5, NOW + 10, None]
    stamped = [job._replace(published_at=at) for job, at in zip(jobs, moments, strict=True)]
    case.predictor.outcomes(stamped)
    assert case.value("regno_queue_wait_seconds_count", queue_name=Lane.SYNC) == 2
    assert case.value("regno_queue_wait_seconds_sum", queue_name=Lane.SYNC) == 1.5
    assert case.value("regno_queue_wait_seconds_bucket", queue_name=Lane.SYNC, le="0.001") == 1


@pytest.mark.parametrize("published_at", [0.0, -1e308])
def test_a_header_cannot_claim_a_wait_that_hides_all_others(published_at: float) -> None:
    case = Case()
    case.predictor.outcomes([a_job("of a liar")._replace(published_at=published_at)])
    assert case.value("regno_queue_wait_seconds_sum", queue_name=Lane.SYNC) == 3600
    assert case.value("regno_queue_wait_seconds_bucket", queue_name=Lane.SYNC, le="1800.0") == 0


def test_a_batch_that_could_not_be_claimed_has_not_been_taken() -> None:
    case = Case()
    case.store.away = True
    job = a_job("async", lane=Lane.ASYNC)._replace(published_at=NOW - 1)
    with pytest.raises(ResultStoreUnavailable):
        case.predictor.outcomes([job])
    assert case.value("regno_queue_wait_seconds_count", queue_name=Lane.ASYNC) == 0


def test_scores_are_those_of_picking_the_networks_reading() -> None:
    case = Case()
    case.batcher.add(a_job("one", 0, 5))  # the fake model says 1 and 0.5
    assert case.value("regno_prediction_score_sum") == 1.5
    assert case.value("regno_prediction_score_bucket", le="0.5") == 1


def test_inputs_are_shown_as_shares_and_lengths_and_missing_ones_are_left_out() -> None:
    case = Case()
    rows = [
        a_reading(
            recognition_accuracy=25.0,
            afts_regno_ai_score=0.75,
            afts_regno_ai="А016ВК77",
            regno_recognize="А01",
            afts_regno_ai_char_scores=[0.5, 0.25],
            afts_regno_ai_length_scores=[0.125],
        ),
        a_reading(
            recognition_accuracy=None,
            afts_regno_ai_score=None,
            afts_regno_ai="",
            regno_recognize="",
            afts_regno_ai_char_scores=[],
            afts_regno_ai_length_scores=[],
        ),
    ]
    case.batcher.add(a_job("one", rows=rows))
    assert [case.value("regno_input_value_sum", feature=name) for name in WATCHED_INPUTS] == [
        0.75, 0.25, 0.25, 0.125, 8, 3,
    ]  # fmt: skip
    counted = [case.value("regno_input_value_count", feature=name) for name in WATCHED_INPUTS]
    assert counted == [1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("lane", Lane)
def test_what_is_given_up_is_a_failure_and_an_error_that_nobody_foresaw(lane: Lane) -> None:
    case = Case()
    assert case.tasks("failed", lane, exception="GivenUp") == 0.0
    case.batcher.add(a_job("poison", lane=lane, redelivery="again"))
    case.clock.advance(1.0)
    assert case.tasks("failed", lane, exception="GivenUp") == 1.0
    assert case.value("regno_unexpected_errors_total", where="prediction") == 1.0
