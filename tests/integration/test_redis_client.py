"""The connections to Redis: as many as are of use, and never one too few for good."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis, RedisError

from api.dispatch.subscription import Subscription
from ops.local.programs import LOOPBACK, free_port
from shared.redis_client import MAX_CONNECTIONS, connect_redis
from tests.builders import api_settings
from tests.servers import Servers

DATABASE = 11

MORE = MAX_CONNECTIONS + 20


@pytest.fixture
def client(servers: Servers) -> Iterator[Redis]:
    """Of a database that nobody else has connected to."""
    url = servers.redis.url.removesuffix("/0") + f"/{DATABASE}"
    with connect_redis(api_settings(redis_url=url)) as client:
        yield client


def test_a_subscription_may_be_made_anew_as_often_as_it_takes(client: Redis) -> None:
    for _ in range(MORE):
        Subscription(client.connection_pool, 2.0).close()


def test_attempts_in_vain_do_not_use_up_anything() -> None:
    with connect_redis(api_settings(redis_url=f"redis://{LOOPBACK}:{free_port()}")) as nowhere:
        for _ in range(MORE):
            with pytest.raises(RedisError, match="refused"):
                Subscription(nowhere.connection_pool, 2.0)
            with pytest.raises(RedisError, match="refused"):
                nowhere.ping()


def test_who_finds_all_connections_in_use_waits_for_one(client: Redis) -> None:
    started = threading.Barrier(MORE)

    def wait_a_little(_: int) -> object:
        started.wait()
        return client.blpop(["nothing-comes"], timeout=0.2)

    with ThreadPoolExecutor(MORE) as pool:
        assert list(pool.map(wait_a_little, range(MORE))) == [None] * MORE
    ours = [each for each in client.client_list() if each["db"] == str(DATABASE)]
    assert len(ours) <= MAX_CONNECTIONS
