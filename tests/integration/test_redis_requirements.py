"""A Redis that cannot serve this service is named, and not taken for one that is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from shared.redis_requirements import unmet_requirement
from tests.servers import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("requirements"))
    server.wait_ready()
    yield server
    server.process.stop()


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Redis]:
    with Redis.from_url(server.url) as redis:
        yield redis


@contextmanager
def set_policy(redis: Redis, policy: str) -> Iterator[None]:
    redis.config_set("maxmemory-policy", policy)
    try:
        yield
    finally:
        redis.config_set("maxmemory-policy", "noeviction")


def test_a_redis_as_it_should_be_has_no_problem(redis: Redis) -> None:
    assert unmet_requirement(redis) is None


@pytest.mark.parametrize(
    "policy", ["volatile-lru", "allkeys-lru", "volatile-ttl", "allkeys-random"]
)
def test_an_eviction_policy_is_named(redis: Redis, policy: str) -> None:
    with set_policy(redis, policy):
        assert f"maxmemory-policy is {policy}" in str(unmet_requirement(redis))


@pytest.mark.parametrize("command", ["eval", "publish"])
def test_a_command_that_an_access_list_forbids_is_named(
    server: RedisServer, redis: Redis, command: str
) -> None:
    with server.refusing(command):
        assert "Redis refuses scripts" in str(unmet_requirement(redis))


def test_info_may_be_forbidden(server: RedisServer, redis: Redis) -> None:
    with server.refusing("info"):
        assert unmet_requirement(redis) is None


def test_cluster_mode_is_named(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "cluster-enabled yes\n")
    try:
        server.wait_ready()
        with Redis.from_url(server.url) as redis:
            redis.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            assert "cluster mode" in str(unmet_requirement(redis))
    finally:
        server.process.stop()
