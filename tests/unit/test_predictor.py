from collections.abc import Container
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from shared.errors import InvalidField, MalformedBody, ResultStoreUnavailable
from shared.messages import Chunk
from shared.metrics import WorkerMetrics
from shared.queues import DELIVERY_LIMIT, Lane
from shared.results import RawResult, decode_result
from tests.builders import a_reading
from tests.unit.fakes import SPOILT, FakeBeginnings, FakeModel, FakeStore, a_job, told
from worker.counts import BatchCounts
from worker.ends import BEFORE, CANCELLED, GIVEN_UP, End
from worker.job import Job
from worker.predictor import BatchPredictor
from worker.suspects import MOST_BEGINNINGS

NOW = 1_700_000_000.0


class Case:
    """A predictor on a fake model and a fake store."""

    def __init__(self, revoked: Container[str] = (), **begun: int) -> None:
        self.model, self.store = FakeModel(), FakeStore()
        self.beginnings = FakeBeginnings(**begun)
        self.predictor = BatchPredictor(
            self.model.as_model(),
            self.store.as_store(),
            self.beginnings.as_beginnings(),
            revoked,
            BatchCounts(WorkerMetrics(CollectorRegistry())),
            clock=lambda: 100.0,
            wall_clock=lambda: NOW,
        )

    def results(self, *jobs: Job) -> dict[str, RawResult]:
        """The result of each job, by its id."""
        outcomes = self.predictor.outcomes(jobs)
        assert sorted(job.task_id for job, *_ in outcomes) == sorted(job.task_id for job in jobs)
        self.store.store(outcomes)
        return self.store.stored


def negatives(result: RawResult) -> list[float]:
    assert result.status == "SUCCESS"
    return [prediction["negative"] for prediction in told(result)["predictions"]]


def failure(result: RawResult) -> tuple[str, list[str]]:
    assert result.status == "FAILURE"
    content: dict[str, Any] = told(result)
    return content["exc_type"], content["exc_message"]


def spoilt_job(task_id: str, lane: Lane = Lane.SYNC) -> Job:
    return a_job(task_id, rows=[a_reading(), a_reading(afts_regno_ai=SPOILT)], lane=lane)


def test_nothing_to_do_is_no_work() -> None:
    case = Case()
    assert case.results() == {}
    assert case.model.batches == []


def test_jobs_share_one_call_of_the_model_and_get_their_own_rows_back() -> None:
    case = Case()
    results = case.results(
        a_job("one", 1), a_job("three", 2, 3, 4, lane=Lane.ASYNC), a_job("two", 5, 6)
    )
    assert case.model.batches == [6]
    assert negatives(results["one"]) == [0.1]
    assert negatives(results["three"]) == [0.2, 0.3, 0.4]
    assert negatives(results["two"]) == [0.5, 0.6]
    assert told(results["one"])["model_version"] == "fake"


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("late", [0.0, 0.001, 1e6])
def test_an_expired_job_is_dropped_before_it_is_predicted(lane: Lane, late: float) -> None:
    case = Case()
    results = case.results(a_job("late", lane=lane, expires_at=NOW - late))
    assert case.model.batches == []
    assert results["late"].status == "REVOKED"
    assert told(results["late"])["exc_message"] == ["expired"]


def test_a_job_that_has_time_left_is_predicted_beside_an_expired_one() -> None:
    case = Case()
    results = case.results(a_job("late", expires_at=NOW), a_job("early", 3, expires_at=NOW + 0.01))
    assert case.model.batches == [1]
    assert negatives(results["early"]) == [0.3]
    assert results["late"].status == "REVOKED"


def test_a_job_revoked_by_remote_control_is_dropped() -> None:
    case = Case(revoked={"unwanted"})
    results = case.results(a_job("unwanted"), a_job("wanted", 1))
    assert case.model.batches == [1]
    assert results["unwanted"].status == "REVOKED"
    assert told(results["unwanted"])["exc_message"] != ["expired"]
    assert negatives(results["wanted"]) == [0.1]


def test_an_async_job_settled_before_has_an_outcome_that_is_stored_already() -> None:
    case = Case()
    case.store.settled_before = {"cancelled": CANCELLED}
    results = case.results(a_job("cancelled", lane=Lane.ASYNC), a_job("other", 1, lane=Lane.ASYNC))
    assert case.model.batches == [1]
    assert "cancelled" not in results
    assert negatives(results["other"]) == [0.1]


def test_sync_jobs_are_not_claimed() -> None:
    case = Case()
    case.store.away = True
    outcomes = case.predictor.outcomes([a_job("sync", 1)])
    assert [job.task_id for job, *_ in outcomes] == ["sync"]


def test_nothing_is_predicted_while_async_jobs_cannot_be_claimed() -> None:
    case = Case()
    case.store.away = True
    with pytest.raises(ResultStoreUnavailable):
        case.predictor.outcomes([a_job("sync"), a_job("async", lane=Lane.ASYNC)])
    assert case.model.batches == []


def test_a_job_with_wrong_rows_fails_with_the_pointer() -> None:
    case = Case()
    wrong = a_job("wrong", rows=[], failure=InvalidField("Expected more", "/0/direction"))
    results = case.results(wrong, a_job("right", 1))
    assert failure(results["wrong"]) == ("InvalidField", ["Expected more", "/0/direction"])
    assert negatives(results["right"]) == [0.1]


def test_a_job_without_readable_rows_fails_with_the_reason() -> None:
    results = Case().results(a_job("odd", rows=[], failure=MalformedBody("Not JSON")))
    assert failure(results["odd"]) == ("MalformedBody", ["Not JSON"])


def test_expiry_goes_before_wrong_rows() -> None:
    job = a_job("late", rows=[], failure=MalformedBody("Not JSON"), expires_at=NOW)
    assert Case().results(job)["late"].status == "REVOKED"


@pytest.mark.parametrize("position", range(3))
def test_the_neighbours_of_a_row_that_fails_are_answered(position: int) -> None:
    jobs = [a_job("first", 1), a_job("second", 2, 3, lane=Lane.ASYNC)]
    jobs.insert(position, spoilt_job("spoilt"))
    results = Case().results(*jobs)
    assert failure(results["spoilt"]) == ("PredictionFailed", ["cannot predict this"])
    assert negatives(results["first"]) == [0.1]
    assert negatives(results["second"]) == [0.2, 0.3]


def test_several_spoilt_jobs_fail_each_for_itself() -> None:
    results = Case().results(spoilt_job("a"), a_job("good", 1), spoilt_job("b", Lane.ASYNC))
    assert {task_id: result.status for task_id, result in results.items()} == {
        "a": "FAILURE",
        "good": "SUCCESS",
        "b": "FAILURE",
    }


def test_a_spoilt_job_alone_is_tried_once() -> None:
    case = Case()
    case.results(spoilt_job("spoilt"))
    assert case.model.batches == [2]


def a_chunk(place: int, total: int = 3, array_id: str = "array") -> Chunk:
    return Chunk(array_id, place, total, first_row=10 * place)


@pytest.mark.parametrize("lane", Lane)
def test_a_chunk_that_is_predicted_is_a_piece_of_its_array(lane: Lane) -> None:
    case = Case()
    chunk = a_chunk(1)
    results = case.results(a_job("chunk", 1, 2, lane=lane, chunk=chunk), a_job("other", 3))
    assert set(results) == {"other"}
    [piece] = case.store.pieces
    assert piece.chunk == chunk
    assert msgspec.json.decode(piece.encoded) == {
        "model_version": "fake",
        "predictions": [{"negative": 0.1, "positive": 0.9}, {"negative": 0.2, "positive": 0.8}],
    }


@pytest.mark.parametrize("lane", Lane)
def test_a_chunk_is_claimed_by_its_array_and_dropped_where_that_has_ended(lane: Lane) -> None:
    case = Case()
    case.store.settled_before = {"ended": BEFORE}
    results = case.results(
        a_job("0", 1, lane=lane, chunk=a_chunk(0, array_id="ended")),
        a_job("1", 1, lane=lane, chunk=a_chunk(1, array_id="alive")),
    )
    assert results == {}
    assert case.store.claimed == ["ended", "alive"]
    assert case.model.batches == [1]
    assert [piece.chunk.array_id for piece in case.store.pieces] == ["alive"]


def test_what_fails_a_chunk_is_the_end_of_its_array() -> None:
    case = Case(revoked={"revoked"}, poison=MOST_BEGINNINGS)
    results = case.results(
        spoilt_job("0")._replace(chunk=a_chunk(0, array_id="spoilt")),
        a_job("1", expires_at=NOW, chunk=a_chunk(1, array_id="late")),
        a_job("2", rows=[], failure=MalformedBody("Not JSON"), chunk=a_chunk(2, array_id="odd")),
        a_job("3", chunk=a_chunk(0, array_id="revoked")),
        a_job("revoked", chunk=a_chunk(0, array_id="of a revoked chunk")),
        a_job("poison", chunk=a_chunk(0, array_id="of poison"), redelivery="4"),
    )
    assert {array_id: result.status for array_id, result in results.items()} == {
        "spoilt": "FAILURE",
        "late": "REVOKED",
        "odd": "FAILURE",
        "revoked": "REVOKED",
        "of a revoked chunk": "REVOKED",
        "of poison": "FAILURE",
    }
    assert all(result.task_id == array_id for array_id, result in results.items())
    assert case.store.pieces == []


@pytest.mark.parametrize("lane", Lane)
def test_a_suspect_is_predicted_and_its_beginning_is_counted(lane: Lane) -> None:
    case = Case(suspect=MOST_BEGINNINGS - 1)
    results = case.results(a_job("suspect", 1, lane=lane, redelivery="this one"))
    assert negatives(results["suspect"]) == [0.1]
    assert case.beginnings.of("suspect") == MOST_BEGINNINGS


@pytest.mark.parametrize("lane", Lane)
def test_a_suspect_that_began_too_often_is_given_up_and_not_predicted(lane: Lane) -> None:
    case = Case(suspect=MOST_BEGINNINGS)
    suspect = a_job("suspect", lane=lane, redelivery="this one")
    [outcome] = case.predictor.outcomes([suspect])
    assert case.model.batches == []
    assert outcome.end is GIVEN_UP
    assert isinstance(outcome.encoded, bytes)
    kind, [why] = failure(decode_result(outcome.encoded))
    assert (kind, why) == ("GivenUp", "Given up: begun 3 times and never finished")


def test_a_message_that_rabbitmq_would_dead_letter_next_ends_before() -> None:
    case = Case()
    suspect = a_job("suspect", lane=Lane.ASYNC, redelivery="this one")
    results = case.results(suspect._replace(failed_deliveries=DELIVERY_LIMIT))
    assert failure(results["suspect"])[0] == "GivenUp"
    results = case.results(suspect._replace(failed_deliveries=DELIVERY_LIMIT - 1))
    assert results["suspect"].status == "SUCCESS"


def test_a_suspect_that_is_not_to_be_computed_begins_nothing() -> None:
    case = Case(revoked={"revoked"})
    case.store.settled_before = {"ended": BEFORE}
    case.results(
        a_job("late", expires_at=NOW, redelivery="1"),
        a_job("revoked", redelivery="2"),
        a_job("ended", lane=Lane.ASYNC, redelivery="3"),
        a_job("odd", rows=[], failure=MalformedBody("Not JSON"), redelivery="4"),
    )
    assert [case.beginnings.of(task_id) for task_id in ("late", "revoked", "ended", "odd")] == [
        0, 0, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("begun", "before", "end"),
    [
        (MOST_BEGINNINGS + 1, BEFORE, GIVEN_UP),
        (MOST_BEGINNINGS + 1, CANCELLED, CANCELLED),
        (MOST_BEGINNINGS - 1, BEFORE, BEFORE),
    ],
)
def test_a_suspect_that_was_given_up_by_a_worker_that_died_then_is_rejected_by_the_next(
    begun: int, before: End, end: End
) -> None:
    case = Case(suspect=begun)
    case.store.settled_before = {"suspect": before}
    suspect = a_job("suspect", lane=Lane.ASYNC, redelivery="after that")
    [outcome] = case.predictor.outcomes([suspect])
    assert (outcome.encoded, outcome.end) == (None, end)


def test_a_suspect_whose_beginning_cannot_be_counted_does_not_begin() -> None:
    case = Case()
    case.beginnings.away = True
    with pytest.raises(ResultStoreUnavailable):
        case.predictor.outcomes([a_job("suspect", redelivery="this one")])
    assert case.model.batches == []


def test_what_comes_for_the_first_time_is_not_counted() -> None:
    case = Case()
    case.beginnings.away = True
    assert case.results(a_job("new", 1))["new"].status == "SUCCESS"
