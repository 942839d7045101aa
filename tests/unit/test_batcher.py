from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest
from amqp.exceptions import RecoverableConnectionError
from celery.exceptions import WorkerShutdown
from prometheus_client import CollectorRegistry

from shared.errors import InvalidField
from shared.features import FeatureRow
from shared.metrics import WorkerMetrics
from shared.queues import TASK_NAME, Lane
from shared.results import Prediction, RawResult
from tests.unit.fakes import (
    FakeBeginnings,
    FakeClock,
    FakeMessage,
    FakeModel,
    FakeStore,
    a_job,
    acknowledged,
    no_events,
    rejected,
)
from worker.batcher import STORE_RETRY_SECONDS as RETRY
from worker.batcher import Batcher
from worker.batching import BatchLimits
from worker.counts import BatchCounts
from worker.ends import CANCELLED
from worker.job import Job
from worker.predictor import BatchPredictor
from worker.quarantine import Quarantine
from worker.suspects import CALM_SECONDS, MOST_BEGINNINGS
from worker.watch import Signs

WAIT = 0.25


class Case:
    """A batcher of four rows on fakes, to which jobs have been coming in quick succession."""

    def __init__(self, *, busy: bool = True, **begun: int) -> None:
        self.wall_now = 1_700_000_000.0
        self.model, self.store, self.clock = FakeModel(), FakeStore(), FakeClock()
        self.beginnings = FakeBeginnings(**begun)
        self.revoked: set[str] = set()
        self.done: Counter[str] = Counter()
        self.signs = Signs()
        self.reading = False
        counts = BatchCounts(WorkerMetrics(CollectorRegistry()))
        self.batcher = Batcher(
            BatchPredictor(
                self.model.as_model(),
                self.store.as_store(),
                self.beginnings.as_beginnings(),
                self.revoked,
                counts,
                clock=self.clock,
                wall_clock=lambda: self.wall_now,
            ),
            self.store.as_store(),
            BatchLimits(rows=4, wait=WAIT),
            self.clock,
            counts,
            quarantine=Quarantine(self.beginnings.as_beginnings()),
            events=no_events(),
            signs=self.signs,
            reading=lambda: self.reading,
            connection_errors=(OSError, RecoverableConnectionError),
            clock=self.clock,
            done=self.done,
        )
        if busy:
            self.add(*jobs(8, prefix="before"))
            self.batcher.flush()
            self.model.batches.clear()
            self.store.stored.clear()
            self.store.outcomes.clear()
            self.done.clear()

    def add(self, *jobs: Job) -> tuple[Job, ...]:
        for job in jobs:
            self.batcher.add(job)
        return jobs

    def statuses(self) -> dict[str, str]:
        return {task_id: result.status for task_id, result in self.store.stored.items()}


def jobs(count: int, lane: Lane = Lane.SYNC, prefix: str = "") -> list[Job]:
    return [a_job(f"{prefix}{lane}-{n}", n % 10, lane=lane) for n in range(count)]


def test_a_lone_job_is_answered_at_once() -> None:
    case = Case(busy=False)
    [job] = case.add(a_job("one"))
    assert acknowledged(job) == 1
    assert case.clock.due_in == []


def test_what_has_arrived_is_read_for_as_long_as_the_last_batch_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = Case()
    score = case.model.score

    def slowly(rows: Sequence[FeatureRow]) -> list[Prediction]:
        case.clock.now += 10 * WAIT
        return score(rows)

    monkeypatch.setattr(case.model, "score", slowly)
    case.add(*jobs(4, prefix="last"))
    case.model.batches.clear()
    case.reading = True
    case.add(*jobs(2))
    case.clock.advance(2 * WAIT)  # the alarm rings meanwhile
    case.add(a_job("third"))
    assert case.model.batches == []
    case.reading = False
    case.batcher.all_read()
    assert case.model.batches == [3]


def test_reading_goes_on_no_longer_than_the_last_batch_took() -> None:
    case = Case()
    case.reading = True
    case.add(*jobs(2))
    case.clock.advance(WAIT)
    assert case.model.batches == [2]


def test_a_full_batch_is_predicted_though_more_has_arrived() -> None:
    case = Case()
    case.reading = True
    case.add(*jobs(5))
    assert case.model.batches == [4]


def test_once_all_is_read_a_batch_still_waits_for_company() -> None:
    case = Case()
    case.reading = True
    case.add(*jobs(2))
    case.reading = False
    case.batcher.all_read()
    assert case.model.batches == []
    case.clock.advance(WAIT)
    assert case.model.batches == [2]


def test_a_job_waits_for_company_and_is_not_acknowledged_meanwhile() -> None:
    case = Case()
    [job] = case.add(a_job("one"))
    assert case.store.stored == {}
    assert acknowledged(job) == 0
    assert case.clock.due_in == [WAIT]


def test_when_the_oldest_has_waited_long_enough_all_are_answered() -> None:
    case = Case()
    added = case.add(*jobs(2))
    case.clock.advance(WAIT)
    assert case.model.batches == [2]
    assert set(case.statuses().values()) == {"SUCCESS"}
    assert [acknowledged(job) for job in added] == [1, 1]


def test_the_wait_is_counted_from_the_oldest_job() -> None:
    case = Case()
    case.add(a_job("one"))
    case.clock.advance(WAIT / 2)
    case.add(a_job("two"))
    assert case.clock.due_in == [WAIT / 2]
    case.clock.advance(WAIT / 2)
    assert case.model.batches == [2]


def test_a_full_batch_does_not_wait() -> None:
    case = Case()
    added = case.add(*jobs(4))
    assert case.model.batches == [4]
    assert [acknowledged(job) for job in added] == [1] * 4


def test_a_job_of_many_rows_fills_a_batch_by_itself() -> None:
    case = Case()
    case.add(a_job("large", *range(9)))
    assert case.model.batches == [9]


def test_a_timer_that_comes_when_all_is_done_does_nothing() -> None:
    case = Case()
    case.add(*jobs(4))
    case.clock.advance(WAIT)
    assert case.model.batches == [4]
    assert case.clock.due_in == []


def test_a_batch_that_began_after_the_timer_was_set_gets_its_own_wait() -> None:
    case = Case()
    case.add(*jobs(4))
    case.clock.advance(WAIT - 0.0625)
    case.add(a_job("later"))
    case.clock.advance(0.0625)
    assert case.model.batches == [4]
    case.clock.advance(WAIT)
    assert case.model.batches == [4, 1]


def test_flushing_answers_what_waits_before_it_is_due() -> None:
    case = Case()
    added = case.add(*jobs(3))
    case.batcher.flush()
    assert case.model.batches == [3]
    assert [acknowledged(job) for job in added] == [1] * 3


def test_what_gathered_is_answered_in_batches() -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(4, Lane.ASYNC), *jobs(6))
    case.store.away = False
    case.clock.advance(RETRY + WAIT)
    assert all(acknowledged(job) == 1 for job in added)
    assert len(case.store.stored) == 10
    assert max(case.model.batches) == 4


def test_flushing_nothing_does_nothing() -> None:
    case = Case()
    case.batcher.flush()
    assert case.model.batches == []


def test_a_job_that_expired_while_it_waited_is_not_predicted() -> None:
    case = Case()
    added = case.add(a_job("late", expires_at=case.wall_now + 0.1), a_job("early"))
    case.wall_now += 0.2
    case.clock.advance(WAIT)
    assert case.statuses() == {"late": "REVOKED", "early": "SUCCESS"}
    assert case.model.batches == [1]
    assert [acknowledged(job) for job in added] == [1, 1]


def test_a_revoked_job_is_dropped_and_acknowledged() -> None:
    case = Case()
    [job] = case.add(a_job("unwanted"))
    case.revoked.add("unwanted")
    case.clock.advance(WAIT)
    assert case.statuses() == {"unwanted": "REVOKED"}
    assert acknowledged(job) == 1


def test_a_job_settled_elsewhere_is_acknowledged_without_an_outcome() -> None:
    case = Case()
    case.store.settled_before = {"cancelled": CANCELLED}
    [job] = case.add(a_job("cancelled", lane=Lane.ASYNC))
    case.clock.advance(WAIT)
    assert case.store.stored == {}
    assert case.model.batches == []
    assert acknowledged(job) == 1


def test_a_job_with_wrong_rows_takes_up_room_and_is_answered() -> None:
    case = Case()
    failed = [a_job(f"{n}", rows=[], failure=InvalidField("no", "/0")) for n in range(4)]
    case.add(*failed)
    assert set(case.statuses().values()) == {"FAILURE"}
    assert [acknowledged(job) for job in failed] == [1] * 4


def test_nothing_is_acknowledged_until_it_is_stored() -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(4))
    assert case.model.batches == [4]
    assert [acknowledged(job) for job in added] == [0] * 4
    assert RETRY in case.clock.due_in


def test_when_the_store_is_back_what_was_predicted_is_stored_and_acknowledged_once() -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(4))
    case.clock.advance(3 * RETRY)
    assert [acknowledged(job) for job in added] == [0] * 4
    case.store.away = False
    case.clock.advance(RETRY)
    assert case.model.batches == [4]
    assert len(case.store.stored) == 4
    assert [acknowledged(job) for job in added] == [1] * 4


@pytest.mark.parametrize("lane", Lane)
def test_while_the_store_is_away_jobs_gather_and_none_is_lost(lane: Lane) -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(11, lane))
    case.clock.advance(10 * RETRY)
    assert case.store.stored == {}
    case.store.away = False
    case.clock.advance(RETRY + WAIT)
    assert set(case.statuses().values()) == {"SUCCESS"}
    assert len(case.store.stored) == 11
    assert [acknowledged(job) for job in added] == [1] * 11


def test_jobs_that_could_not_be_claimed_keep_their_order() -> None:
    case = Case()
    case.store.away = True
    case.add(*jobs(6, Lane.ASYNC))
    case.store.away = False
    case.clock.advance(RETRY + WAIT)
    assert [job.task_id for job, *_ in case.store.outcomes] == [
        f"regno.async-{n}" for n in range(6)
    ]


def test_a_flush_while_the_store_is_away_tries_no_batch_twice() -> None:
    case = Case()
    case.store.away = True
    case.add(*jobs(8))
    batches = list(case.model.batches)
    case.batcher.flush()
    assert case.model.batches == batches


def test_a_task_is_counted_once_it_is_stored() -> None:
    case = Case()
    case.store.away = True
    case.add(*jobs(4))
    assert case.done.total() == 0
    case.store.away = False
    case.clock.advance(2 * RETRY)
    assert case.done == {TASK_NAME: 4}


def test_discarding_forgets_what_waits_without_acknowledging_it() -> None:
    case = Case()
    added = case.add(*jobs(3))
    case.batcher.discard()
    case.clock.advance(WAIT)
    assert case.store.stored == {}
    assert [acknowledged(job) for job in added] == [0] * 3


def test_discarding_forgets_what_could_not_be_stored() -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(4))
    case.batcher.discard()
    case.store.away = False
    case.clock.advance(2 * RETRY)
    assert case.store.stored == {}
    assert [acknowledged(job) for job in added] == [0] * 4


def test_sync_jobs_go_first_and_async_ones_are_not_starved() -> None:
    case = Case()
    case.store.away = True
    case.add(*jobs(4, Lane.ASYNC), *jobs(12))
    case.store.away = False
    case.clock.advance(RETRY)
    first_batch: list[RawResult] = list(case.store.stored.values())[:4]
    lanes = sorted(result.task_id.split("-")[0] for result in first_batch)
    assert lanes == ["regno.async", "regno.sync", "regno.sync", "regno.sync"]


def test_a_pause_puts_off_the_flush_that_was_due_and_leaves_one_timer() -> None:
    case = Case()
    case.add(a_job("waits"))
    case.store.away = True
    case.add(*jobs(4))
    assert case.clock.due_in == [RETRY]
    case.clock.advance(5 * RETRY)
    assert case.clock.due_in == [RETRY]


def suspects(*task_ids: str, lane: Lane = Lane.SYNC) -> list[Job]:
    """Jobs that were delivered before."""
    return [a_job(task_id, lane=lane, redelivery=f"again {task_id}") for task_id in task_ids]


def order(case: Case) -> list[str]:
    """The ids of what has ended, as it did."""
    return [job.task_id for job, *_ in case.store.outcomes]


@pytest.mark.parametrize("lane", Lane)
def test_a_message_that_was_begun_too_often_fails_and_is_rejected(lane: Lane) -> None:
    case = Case(poison=MOST_BEGINNINGS, unlucky=MOST_BEGINNINGS - 1)
    poison, unlucky = case.add(*suspects("poison", "unlucky", lane=lane))
    case.clock.advance(WAIT)
    assert case.statuses() == {"poison": "FAILURE", "unlucky": "SUCCESS"}
    assert (rejected(poison), acknowledged(poison)) == (1, 0)
    assert (rejected(unlucky), acknowledged(unlucky)) == (0, 1)


def test_each_suspect_is_predicted_alone_and_acknowledged() -> None:
    case = Case()
    added = case.add(*suspects("a", "b", "c"))
    case.clock.advance(0.0)
    assert case.model.batches == [1, 1, 1]
    assert [acknowledged(job) for job in added] == [1, 1, 1]


def test_what_is_above_suspicion_goes_before_suspects_in_a_batch() -> None:
    case = Case()
    case.add(*suspects("a", "b"), *jobs(3))
    case.clock.advance(0.0)
    assert case.model.batches == [3, 1, 1]
    assert order(case)[3:] == ["a", "b"]


def test_what_comes_between_two_suspects_is_predicted_between_them() -> None:
    case = Case()
    case.add(*suspects("a", "b"))
    case.clock.call_after(0.0, lambda: case.batcher.add(a_job("new")))
    case.clock.advance(0.0)
    assert order(case) == ["a", "new", "b"]


def test_the_suspect_that_has_begun_least_often_goes_first() -> None:
    case = Case(often=2, once=1)
    case.add(*suspects("often", "once", "never"))
    case.clock.advance(CALM_SECONDS)
    assert order(case) == ["never", "once", "often"]


def test_how_often_suspects_have_begun_is_looked_up_once_for_all_that_have_come() -> None:
    case = Case()
    case.add(*suspects("a", "b", "c"))
    case.clock.advance(0.0)
    case.add(*suspects("d"))
    case.clock.advance(0.0)
    assert case.beginnings.looked_up == [["a", "b", "c"], ["d"]]


def test_a_suspect_that_has_begun_before_waits_until_no_other_comes() -> None:
    case = Case(likely=1)
    case.add(*suspects("likely"))
    case.clock.advance(CALM_SECONDS * 0.75)
    case.add(*suspects("innocent"))
    case.clock.advance(CALM_SECONDS * 0.75)
    assert order(case) == ["innocent"]
    case.clock.advance(CALM_SECONDS * 0.25)
    assert order(case) == ["innocent", "likely"]


def test_without_redis_suspects_wait_unacknowledged() -> None:
    case = Case()
    case.beginnings.away = True
    added = case.add(*suspects("a", "b"))
    case.clock.advance(3 * RETRY)
    assert case.model.batches == []
    assert [acknowledged(job) for job in added] == [0, 0]
    case.beginnings.away = False
    case.clock.advance(RETRY)
    assert order(case) == ["a", "b"]
    assert [acknowledged(job) for job in added] == [1, 1]


@pytest.mark.parametrize("lane", Lane)
def test_an_outage_of_the_store_is_no_beginning(lane: Lane) -> None:
    case = Case()
    case.store.away = True
    [job] = case.add(*suspects("unlucky", lane=lane))
    case.clock.advance(10 * RETRY)
    assert acknowledged(job) == 0
    assert case.beginnings.of("unlucky") <= 1
    case.store.away = False
    case.clock.advance(RETRY)
    assert case.statuses() == {"unlucky": "SUCCESS"}
    assert acknowledged(job) == 1


def test_flushing_ends_suspects_too_the_least_likely_first() -> None:
    case = Case(likely=1)
    added = case.add(*suspects("likely", "innocent"), a_job("new"))
    case.batcher.flush()
    assert order(case) == ["new", "innocent", "likely"]
    assert [acknowledged(job) for job in added] == [1] * 3


def test_discarding_forgets_suspects() -> None:
    case = Case(likely=1)
    added = case.add(*suspects("likely", "innocent"))
    case.batcher.discard()
    case.clock.advance(WAIT)
    assert case.store.stored == {}
    assert [acknowledged(job) for job in added] == [0, 0]
    assert case.clock.due_in == []


def test_one_acknowledgement_for_many_leaves_out_the_suspects_that_wait() -> None:
    case = Case()
    [suspect] = suspects("suspect")
    new = jobs(4)
    for tag, job in enumerate((new[0], suspect, *new[1:])):
        cast("FakeMessage", job.message).delivery_tag = tag
    case.add(new[0], suspect, *new[1:])
    together = [cast("FakeMessage", job.message).together for job in new]
    assert together == [True, False, False, False]
    assert acknowledged(suspect) == 0


@pytest.mark.parametrize(
    "added", [[a_job("new")], [a_job("suspect", redelivery="again")]], ids=["new", "suspect"]
)
def test_an_error_in_a_timer_that_nobody_foresaw_ends_the_worker_and_acknowledges_nothing(
    added: list[Job],
) -> None:
    case = Case()
    case.add(*added)
    case.model.broken = True
    with pytest.raises(WorkerShutdown):
        case.clock.advance(WAIT)
    case.model.broken = False
    later = case.add(*jobs(4), *suspects("another"))
    case.clock.advance(WAIT)
    case.batcher.flush()
    assert case.store.stored == {}
    assert [acknowledged(job) for job in (*added, *later)] == [0] * 6


def test_an_error_that_nobody_foresaw_while_what_waited_is_stored_ends_the_worker() -> None:
    case = Case()
    case.store.away = True
    added = case.add(*jobs(4))
    case.store.away, case.store.broken = False, True
    with pytest.raises(WorkerShutdown):
        case.clock.advance(RETRY)
    assert [acknowledged(job) for job in added] == [0] * 4


def test_a_connection_that_is_lost_while_a_batch_is_acknowledged_ends_no_worker() -> None:
    case = Case()
    [job] = case.add(a_job("one"))

    cast("FakeMessage", job.message).error = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        case.clock.advance(WAIT)


@pytest.mark.parametrize("error", [TimeoutError(), BlockingIOError(), InterruptedError()])
def test_an_error_that_reading_would_take_for_its_end_is_told_as_a_lost_connection(
    error: OSError,
) -> None:
    case = Case()
    [job] = case.add(a_job("one"))

    cast("FakeMessage", job.message).error = error
    with pytest.raises(RecoverableConnectionError, match=type(error).__name__):
        case.clock.advance(WAIT)


def on_channel(channel: object, *jobs: Job) -> tuple[Job, ...]:
    """These jobs, as they come on a channel."""
    for job in jobs:
        cast("FakeMessage", job.message).channel = channel
    return jobs


def test_what_came_on_a_channel_that_was_closed_is_forgotten_and_all_else_is_answered() -> None:
    case = Case()
    case.store.away = True
    closed, open_ = object(), object()
    lost = case.add(
        *on_channel(closed, *jobs(6, Lane.ASYNC, "lost "), *suspects("lost", lane=Lane.ASYNC))
    )
    kept = case.add(*on_channel(open_, *jobs(3, Lane.SYNC), *suspects("kept")))
    case.batcher.lose(closed)
    assert case.signs.in_hand == {Lane.SYNC: 4, Lane.ASYNC: 0}
    case.store.away = False
    case.clock.advance(RETRY + WAIT)
    assert sorted(order(case)) == sorted(job.task_id for job in kept)
    assert [acknowledged(job) for job in kept] == [1] * 4
    assert [acknowledged(job) for job in lost] == [0] * 7
    assert case.signs.in_hand == dict.fromkeys(Lane, 0)


def test_results_that_wait_are_forgotten_with_the_channel_of_their_messages() -> None:
    case = Case()
    case.store.away = True
    closed = object()
    [lost] = case.add(*on_channel(closed, a_job("lost")))
    kept = case.add(*jobs(3))
    assert case.model.batches == [4]
    case.batcher.lose(closed)
    case.store.away = False
    case.clock.advance(RETRY)
    assert set(order(case)) == {job.task_id for job in kept}
    assert acknowledged(lost) == 0
    assert case.signs.in_hand == dict.fromkeys(Lane, 0)


def test_suspects_keep_their_order_when_others_are_lost_with_their_channel() -> None:
    case = Case(often=2, lost=1, once=1)
    closed = object()
    case.add(*suspects("often"), *on_channel(closed, *suspects("lost")), *suspects("once"))
    case.clock.advance(0.0)
    case.batcher.lose(closed)
    case.clock.advance(CALM_SECONDS)
    assert order(case) == ["once", "often"]
