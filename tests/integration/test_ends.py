"""The one end of an accepted task, in a real Redis, whoever else comes with another."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis, ResponseError

from shared.errors import ResultStoreUnavailable
from shared.queues import Lane
from shared.results import encode_revoked, encode_unfinished, result_key
from tests.servers import RedisServer
from tests.unit.fakes import a_job
from worker.ends import BEFORE, EXPIRED, SUCCEEDED
from worker.job import Job
from worker.store import Outcome, ResultStore

TASK = "task"
DONE = b'{"status":"SUCCESS"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("ends"))
    server.wait_ready()
    yield server
    server.process.stop()


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(server.url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def store(redis: Redis) -> ResultStore:
    return ResultStore(redis, 60, 60, lambda: 0.0)


def published(at: float | None, redelivery: str | None = None) -> Job:
    return a_job(TASK, lane=Lane.ASYNC, published_at=at, redelivery=redelivery)


def stored(redis: Redis) -> Any:
    return json.loads(redis.get(result_key(TASK)) or b"null")


def test_a_second_message_of_a_task_is_not_done_while_the_first_is(
    redis: Redis, store: ResultStore
) -> None:
    redis.set(result_key(TASK), encode_unfinished("PENDING", TASK))
    first, second = published(1_700_000_000.25), published(1_700_000_001.5)
    assert store.claim([first, second]) == [None, BEFORE]
    assert store.claim([second]) == [BEFORE]
    assert stored(redis)["status"] == "STARTED"


def test_a_message_that_began_before_begins_again(redis: Redis, store: ResultStore) -> None:
    redis.set(result_key(TASK), encode_unfinished("PENDING", TASK))
    assert store.claim([published(1_700_000_000.25)]) == [None]
    assert store.claim([published(1_700_000_000.25, redelivery="2nd")]) == [None]


def test_a_message_that_does_not_say_when_it_was_published_is_done(
    redis: Redis, store: ResultStore
) -> None:
    redis.set(result_key(TASK), encode_unfinished("PENDING", TASK))
    assert store.claim([published(None)]) == [None]
    assert store.claim([published(None), published(1_700_000_000.25)]) == [None, None]


def test_a_worker_that_was_taken_for_dead_does_not_change_an_end(
    redis: Redis, store: ResultStore
) -> None:
    store.store([Outcome(published(1.0), encode_revoked(TASK, "expired"), EXPIRED)])
    with redis.pubsub() as channel:
        channel.subscribe(result_key(TASK))
        assert channel.get_message(timeout=5) is not None
        store.store([Outcome(published(1.0), DONE, SUCCEEDED)])
        redis.publish(result_key(TASK), "marker")
        said = channel.get_message(timeout=5)
    assert said is not None
    assert said["data"] == b"marker"
    assert stored(redis)["status"] == "REVOKED"


def test_what_was_stored_unheard_may_be_stored_again(redis: Redis, store: ResultStore) -> None:
    for _ in range(2):
        store.store([Outcome(published(1.0), DONE, SUCCEEDED)])
    assert stored(redis)["status"] == "SUCCESS"


def test_what_could_not_be_stored_is_not_announced(redis: Redis, store: ResultStore) -> None:
    redis.set(result_key(TASK), encode_unfinished("STARTED", TASK))
    with redis.pubsub() as channel:
        channel.subscribe(result_key(TASK))
        assert channel.get_message(timeout=5) is not None
        redis.config_set("maxmemory", 1)
        try:
            with pytest.raises(ResponseError, match="maxmemory"):
                redis.set("another", 1)
            with pytest.raises(ResultStoreUnavailable):
                store.store([Outcome(published(1.0), DONE, SUCCEEDED)])
        finally:
            redis.config_set("maxmemory", 0)
        redis.publish(result_key(TASK), "marker")
        said = channel.get_message(timeout=5)
    assert said is not None
    assert said["data"] == b"marker"
    assert stored(redis)["status"] == "STARTED"


def test_a_message_of_the_sync_lane_cannot_change_what_another_task_has_ended_with(
    redis: Redis, store: ResultStore
) -> None:
    for kept in (encode_unfinished("PENDING", TASK), DONE):
        for reply_to in (None, "regno.reply.door"):
            redis.set(result_key(TASK), kept)
            with redis.pubsub() as heard:
                heard.subscribe(result_key(TASK))
                assert heard.get_message(timeout=5)
                job = a_job(TASK)._replace(reply_to=reply_to)
                store.store([Outcome(job, b'{"status":"FAILURE"}', SUCCEEDED)])
                assert heard.get_message(timeout=0.05) is None
            assert redis.get(result_key(TASK)) == kept
