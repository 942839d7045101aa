"""A key of Redis that holds what nobody here has written fails its own task at most."""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from shared.beginnings import beginnings_key
from shared.cache import cache_key, digest_of, flight_key
from shared.presence import INDEX_KEY, VERSION_KEY
from shared.results import REPLY_PREFIX, result_key
from shared.rows import RowReader
from shared.settings import ApiSettings, load
from tests.builders import a_row
from tests.servers import Servers
from tests.stack import API_KEY, Stack

Plant = Callable[[Redis, str], object]
"""Puts something under a key."""

STATES: dict[str, Plant] = {
    "a list": lambda redis, key: redis.rpush(key, "x"),
    "a set": lambda redis, key: redis.sadd(key, "x"),
    "a sorted set": lambda redis, key: redis.zadd(key, {"x": 1}),
    "a hash": lambda redis, key: redis.hset(key, "x", "y"),
    "a stream": lambda redis, key: redis.xadd(key, {"x": "y"}),
    "nothing": lambda redis, key: redis.set(key, b""),
    "no UTF-8": lambda redis, key: redis.set(key, b"\xff\xfe"),
    "no JSON": lambda redis, key: redis.set(key, b"{"),
    "other JSON": lambda redis, key: redis.set(key, b'{"status":5}'),
    "deep JSON": lambda redis, key: redis.set(key, b"[" * 100_000),
    "a number": lambda redis, key: redis.set(key, b"5"),
    "a megabyte": lambda redis, key: redis.set(key, b"x" * 1_000_000),
}


@pytest.fixture(scope="module")
def attacked(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(
        servers.rabbit.add_vhost("hostile-redis"),
        servers.redis.url.removesuffix("/0") + "/4",
        tmp_path_factory.mktemp("hostile-redis"),
        settings={"REGNO_CACHE_TTL": "60"},
    )
    try:
        stack.wait_ready()
        pid = stack.workers[0].pid
        yield stack
        assert stack.workers[0].running()
        assert stack.workers[0].pid == pid
    finally:
        stack.close()


@pytest.fixture(scope="module")
def redis(attacked: Stack) -> Iterator[Redis]:
    with Redis.from_url(attacked.environment["REGNO_REDIS_URL"]) as redis:
        yield redis


def check_serves(stack: Stack) -> None:
    """Both lanes answer, and no other request was held up for long."""
    row = a_row(regno_recognize=uuid.uuid4().hex[:9])
    assert stack.client.post("/v1/predict", json=row).status_code == 200
    accepted = stack.client.post("/v1/tasks", json=row)
    assert accepted.status_code == 202
    told = stack.client.get(accepted.headers["Location"] + "?wait=5").json()
    assert told["status"] == "done"


def idempotency_key(name: str) -> str:
    caller = hashlib.sha256(API_KEY.encode()).hexdigest()
    return "regno:idempotency:" + hashlib.sha256(f"{caller} {name}".encode()).hexdigest()


@pytest.mark.parametrize("state", STATES)
def test_a_list_of_workers_that_is_none_is_no_reason_to_end(
    attacked: Stack, redis: Redis, state: str
) -> None:
    name = f"junk-{uuid.uuid4().hex}"
    redis.sadd(INDEX_KEY, name, b"\xff\xfe")
    STATES[state](redis, f"regno:worker:{name}")
    assert attacked.client.get("/readyz").json()["status"] == "ready"
    redis.delete(VERSION_KEY)
    STATES[state](redis, VERSION_KEY)
    check_serves(attacked)
    attacked.wait_ready()


@pytest.mark.parametrize("state", STATES)
def test_a_result_that_is_none_is_an_unknown_task(
    attacked: Stack, redis: Redis, state: str
) -> None:
    task_id = str(uuid.uuid4())
    STATES[state](redis, result_key(task_id))
    assert attacked.client.get(f"/v1/tasks/{task_id}").status_code == 404
    assert attacked.client.delete(f"/v1/tasks/{task_id}").status_code == 404
    check_serves(attacked)


@pytest.mark.parametrize("state", STATES)
def test_a_task_whose_key_is_taken_ends_alone(attacked: Stack, redis: Redis, state: str) -> None:
    """Its key was replaced after it was accepted, before a worker has begun it."""
    with attacked.workers[0].paused():
        accepted = attacked.client.post("/v1/tasks", json=a_row())
        assert accepted.status_code == 202
        task_id = accepted.json()["task_id"]
        redis.delete(result_key(task_id))
        STATES[state](redis, result_key(task_id))
        STATES[state](redis, beginnings_key(task_id))
    check_serves(attacked)


@pytest.mark.parametrize("state", STATES)
def test_an_idempotency_key_that_is_taken_fails_its_own_request(
    attacked: Stack, redis: Redis, state: str
) -> None:
    name = uuid.uuid4().hex
    STATES[state](redis, idempotency_key(name))
    answer = attacked.client.post("/v1/tasks", json=a_row(), headers={"Idempotency-Key": name})
    assert answer.status_code == 503
    check_serves(attacked)


@pytest.mark.parametrize("state", STATES)
def test_a_cache_that_holds_anything_else_is_not_used(
    attacked: Stack, redis: Redis, state: str
) -> None:
    row = a_row(regno_recognize=uuid.uuid4().hex[:9])
    reader = RowReader(load(ApiSettings, attacked.environment))
    digest = digest_of(reader.read_json(json.dumps(row).encode())[0])
    version = attacked.client.post("/v1/predict", json=a_row()).json()["model_version"]
    STATES[state](redis, cache_key(digest, version))
    STATES[state](redis, flight_key(digest))
    answer = attacked.client.post("/v1/predict?timeout=5", json=row)
    assert answer.status_code == 200, answer.text
    check_serves(attacked)


@pytest.mark.parametrize("state", STATES)
def test_what_is_published_to_a_front_door_by_others_is_ignored(
    attacked: Stack, redis: Redis, state: str
) -> None:
    STATES[state](redis, "regno:planted")
    junk = redis.get("regno:planted") if redis.type("regno:planted") == b"string" else b"[null]"
    redis.delete("regno:planted")
    channels = redis.pubsub_channels(f"{REPLY_PREFIX}*")
    assert channels
    for channel in channels:
        redis.publish(channel, junk or b"")
    check_serves(attacked)
