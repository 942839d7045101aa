"""Pieces of an array in a real Redis: put together once, in order, and ended once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.client import PubSub

from shared.messages import Chunk
from shared.queues import Lane
from shared.results import (
    REPLY_PREFIX,
    Failure,
    Prediction,
    Predictions,
    encode_failure,
    encode_piece,
    encode_revoked,
    encode_unfinished,
    result_key,
)
from tests.servers import Servers
from tests.unit.fakes import a_job
from worker.ends import BEFORE, CANCELLED, EXPIRED, SUCCEEDED, End
from worker.gather import Piece, pieces_key
from worker.job import Job
from worker.store import Outcome, ResultStore

ARRAY = "array"
TOTAL = 3
REPLIES = f"{REPLY_PREFIX}1"
MARKER = b"marker"
SYNC_TTL, ASYNC_TTL = 5.0, 50.0
NOW = 1_700_000_000.0
LANES = pytest.mark.parametrize("lane", Lane)
FAILED = encode_failure(ARRAY, Failure("PredictionFailed", ["cannot"]))
A_FAILURE = End("failed", "PredictionFailed")


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    with Redis.from_url(servers.redis.url.removesuffix("/0") + "/7") as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture
def store(redis: Redis) -> ResultStore:
    return ResultStore(redis, SYNC_TTL, ASYNC_TTL, lambda: NOW)


class Listener:
    """Hears what is announced of the array, on the channel of its key and on a reply channel."""

    def __init__(self, redis: Redis, channel: PubSub) -> None:
        self._redis = redis
        self._channel = channel
        channel.subscribe(result_key(ARRAY), REPLIES)
        self._messages("subscribe", 2)

    def _messages(self, kind: str, count: int) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        while len(found) < count:
            message = self._channel.get_message(timeout=5)
            assert message is not None, f"nothing came where {count} {kind} were awaited"
            assert message["type"] == kind
            found.append((message["channel"].decode(), message["data"]))
        return found

    def statuses(self) -> list[tuple[str, str]]:
        """Channel and status of everything that was announced since it was asked last."""
        self._redis.publish(REPLIES, MARKER)
        heard: list[tuple[str, bytes]] = []
        while (REPLIES, MARKER) not in heard:
            heard += self._messages("message", 1)
        results = [(channel, json.loads(data)) for channel, data in heard[:-1]]
        assert all(isinstance(result, list) == (channel == REPLIES) for channel, result in results)
        return [
            (channel, result[0]["status"] if channel == REPLIES else result["status"])
            for channel, result in results
        ]


@pytest.fixture
def listener(redis: Redis) -> Iterator[Listener]:
    with redis.pubsub() as channel:
        yield Listener(redis, channel)


def a_chunk(place: int, lane: Lane = Lane.SYNC) -> Job:
    chunk = Chunk(ARRAY, place, TOTAL, place)
    job = a_job(f"{ARRAY}-{place}", lane=lane, chunk=chunk, expires_at=NOW + 100)
    return job._replace(reply_to=REPLIES if lane is Lane.SYNC else None)


def predicted(place: int, lane: Lane = Lane.SYNC, version: str = "v") -> Outcome:
    predictions = Predictions(version, [Prediction(place / 10, 1 - place / 10)])
    job = a_chunk(place, lane)
    assert job.chunk is not None
    return Outcome(job, Piece(job.chunk, encode_piece(predictions)), SUCCEEDED)


def stored(redis: Redis) -> Any:
    value = redis.get(result_key(ARRAY))
    return None if value is None else json.loads(value)


def negatives(redis: Redis) -> list[float]:
    ended = stored(redis)
    assert ended["status"] == "SUCCESS"
    return [prediction["negative"] for prediction in ended["result"]["predictions"]]


def pieces(redis: Redis) -> int:
    return redis.hlen(pieces_key(ARRAY, TOTAL))


@LANES
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_pieces_make_one_result_in_order_however_they_come(
    redis: Redis, store: ResultStore, lane: Lane, order: tuple[int, ...]
) -> None:
    for place in order:
        store.store([predicted(place, lane)])
    assert negatives(redis) == [0.0, 0.1, 0.2]
    assert stored(redis)["task_id"] == ARRAY
    assert pieces(redis) == 0


def test_pieces_of_one_batch_make_a_result_beside_other_tasks(
    redis: Redis, store: ResultStore
) -> None:
    other = Outcome(a_job("other"), encode_revoked("other", "expired"), EXPIRED)
    store.store([predicted(2), other, predicted(0), predicted(1)])
    assert negatives(redis) == [0.0, 0.1, 0.2]
    assert redis.exists(result_key("other"))


def test_the_end_is_announced_once_to_the_api_process_and_to_celery_clients(
    store: ResultStore, listener: Listener
) -> None:
    store.store([predicted(0), predicted(1)])
    assert listener.statuses() == []
    store.store([predicted(2)])
    assert sorted(listener.statuses()) == [(result_key(ARRAY), "SUCCESS"), (REPLIES, "SUCCESS")]
    store.store([predicted(place) for place in range(TOTAL)])
    assert listener.statuses() == []


def test_workers_with_several_models_are_all_named(redis: Redis, store: ResultStore) -> None:
    store.store([predicted(place, version=version) for place, version in enumerate("bab")])
    assert stored(redis)["result"]["model_version"] == "b+a"


def test_a_piece_that_is_stored_again_counts_once(redis: Redis, store: ResultStore) -> None:
    for _ in range(TOTAL):
        store.store([predicted(0)])
    assert stored(redis) is None
    store.store([predicted(1), predicted(2)])
    assert negatives(redis) == [0.0, 0.1, 0.2]


def test_pieces_that_were_complete_when_a_worker_died_end_with_its_redelivered_chunk(
    redis: Redis, store: ResultStore
) -> None:
    for place in range(TOTAL):
        piece = predicted(place, Lane.ASYNC).encoded
        assert isinstance(piece, Piece)
        redis.hset(pieces_key(ARRAY, TOTAL), str(place), piece.encoded)
    store.store([predicted(1, Lane.ASYNC)])
    assert negatives(redis) == [0.0, 0.1, 0.2]
    assert pieces(redis) == 0


@LANES
def test_a_failure_ends_the_array_at_once_and_what_comes_later_changes_nothing(
    redis: Redis, store: ResultStore, listener: Listener, lane: Lane
) -> None:
    redis.set(result_key(ARRAY), encode_unfinished("STARTED", ARRAY))
    store.store([predicted(0, lane), Outcome(a_chunk(1, lane), FAILED, A_FAILURE)])
    ended = stored(redis)
    assert ended["status"] == "FAILURE"
    store.store([predicted(place, lane) for place in range(TOTAL)])
    store.store([Outcome(a_chunk(2, lane), encode_revoked(ARRAY, "expired"), EXPIRED)])
    assert stored(redis) == ended
    assert pieces(redis) == 0
    assert {status for _, status in listener.statuses()} == {"FAILURE"}


@LANES
def test_a_failure_comes_too_late_once_the_array_is_done(
    redis: Redis, store: ResultStore, lane: Lane
) -> None:
    store.store([predicted(place, lane) for place in range(TOTAL)])
    store.store([Outcome(a_chunk(1, lane), FAILED, A_FAILURE)])
    assert negatives(redis) == [0.0, 0.1, 0.2]


def test_a_cancelled_array_stays_cancelled(redis: Redis, store: ResultStore) -> None:
    redis.set(result_key(ARRAY), encode_revoked(ARRAY, "cancelled"))
    store.store([predicted(place, Lane.ASYNC) for place in range(TOTAL)])
    assert stored(redis)["status"] == "REVOKED"
    assert pieces(redis) == 0
    assert store.claim([a_chunk(0, Lane.ASYNC)]) == [CANCELLED]


@pytest.mark.parametrize(
    ("value", "end"),
    [
        (encode_revoked(ARRAY, "expired"), EXPIRED),
        (encode_revoked(ARRAY, "revoked"), CANCELLED),
        (FAILED, BEFORE),
        (encode_unfinished("STARTED", ARRAY), None),
    ],
)
def test_of_what_has_ended_before_it_is_told_how(
    redis: Redis, store: ResultStore, value: bytes, end: End | None
) -> None:
    redis.set(result_key(ARRAY), value)
    assert store.claim([a_chunk(0, Lane.ASYNC), a_job("another")]) == [end, None]


def test_chunks_of_one_array_may_start_together(redis: Redis, store: ResultStore) -> None:
    redis.set(result_key(ARRAY), encode_unfinished("PENDING", ARRAY))
    assert store.claim([a_chunk(place, Lane.ASYNC) for place in range(2)]) == [None, None]
    assert stored(redis)["status"] == "STARTED"


@pytest.mark.parametrize(("lane", "ttl"), [(Lane.SYNC, SYNC_TTL), (Lane.ASYNC, ASYNC_TTL)])
def test_pieces_outlive_the_arrays_time_and_its_result_is_kept_as_any_other(
    redis: Redis, store: ResultStore, lane: Lane, ttl: float
) -> None:
    left = 100
    store.store([predicted(0, lane)])
    assert left < redis.pttl(pieces_key(ARRAY, TOTAL)) / 1000 <= left + ttl
    store.store([predicted(1, lane), predicted(2, lane)])
    assert 0 < redis.pttl(result_key(ARRAY)) / 1000 <= ttl


def test_a_failure_is_remembered_while_other_chunks_may_be_on_their_way(
    redis: Redis, store: ResultStore
) -> None:
    store.store([Outcome(a_chunk(1), FAILED, A_FAILURE)])
    assert 100 < redis.pttl(result_key(ARRAY)) / 1000 <= 100 + SYNC_TTL


def test_a_batch_of_front_doors_requests_takes_no_script(redis: Redis, store: ResultStore) -> None:
    redis.config_resetstat()
    jobs = [a_job(str(n))._replace(reply_to=f"{REPLY_PREFIX}door") for n in range(5)]
    store.store([Outcome(job, encode_revoked(job.task_id, "expired"), EXPIRED) for job in jobs])
    assert "cmdstat_eval" not in redis.info("commandstats")
