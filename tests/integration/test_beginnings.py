"""How often suspects have begun, in a real Redis: each delivery once, until they have ended."""

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from shared.beginnings import BEGINNINGS_PREFIX
from shared.errors import ResultStoreUnavailable
from shared.queues import Lane
from tests.servers import Servers
from tests.unit.fakes import a_job
from worker.beginnings import Beginnings
from worker.ends import BEFORE, GIVEN_UP, SUCCEEDED
from worker.job import Job
from worker.store import Outcome, ResultStore

TASK = "a suspect"


def delivered(name: str, task_id: str = TASK) -> Job:
    return a_job(task_id, lane=Lane.ASYNC, redelivery=name)


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    """Of a database of its own, empty."""
    with Redis.from_url(servers.redis.url.removesuffix("/0") + "/8") as client:
        client.flushdb()
        yield client


def test_a_beginning_is_counted_until_the_task_has_ended(redis: Redis) -> None:
    beginnings = Beginnings(redis)
    assert [beginnings.note(delivered(name)) for name in ("1st", "2nd", "3rd")] == [0, 1, 2]
    assert beginnings.count([delivered("4th"), delivered("1st", "another")]) == [3, 0]
    ResultStore(redis, 5, 5, time.time).store([Outcome(delivered("4th"), b"{}", SUCCEEDED)])
    assert beginnings.count([delivered("5th")]) == [0]


def test_what_had_ended_before_is_forgotten_too(redis: Redis) -> None:
    beginnings = Beginnings(redis)
    beginnings.note(delivered("1st"))
    ResultStore(redis, 5, 5, time.time).store([Outcome(delivered("2nd"), None, BEFORE)])
    assert redis.keys() == []


def test_what_is_given_up_is_remembered_for_a_while(redis: Redis) -> None:
    beginnings = Beginnings(redis)
    for name in ("1st", "2nd", "3rd", "4th"):
        beginnings.note(delivered(name))
    ResultStore(redis, 5, 5, time.time).store([Outcome(delivered("4th"), b"{}", GIVEN_UP)])
    assert beginnings.count([delivered("5th")]) == [4]


def test_a_beginning_that_is_noted_again_is_the_same_one(redis: Redis) -> None:
    beginnings = Beginnings(redis)
    assert [beginnings.note(delivered("1st")) for _ in range(9)] == [0] * 9
    assert beginnings.note(delivered("2nd")) == 1


def test_a_count_does_not_stay_for_ever(redis: Redis) -> None:
    Beginnings(redis).note(delivered("1st"))
    [key] = redis.keys()
    assert key == f"{BEGINNINGS_PREFIX}{TASK}".encode()
    assert 0 < redis.pttl(key) <= 3_600_000


def test_without_redis_nothing_begins() -> None:
    with Redis.from_url("redis://127.0.0.1:1") as nowhere:
        with pytest.raises(ResultStoreUnavailable):
            Beginnings(nowhere).note(delivered("1st"))
        with pytest.raises(ResultStoreUnavailable):
            Beginnings(nowhere).count([delivered("1st")])
