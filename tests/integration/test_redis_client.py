"""The connections to Redis: as many as are of use, and never one too few for good."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis, RedisError

from api.dispatch.subscription import Subscription
from ops.local.programs import LOOPBACK, free_port
from shared.redis_client import MAX_CONNECTIONS, connect_redis
from tests.builders import api_settings
from tests.processes import wait_until
from tests.servers import RedisServer, Servers

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


def test_what_is_not_answered_in_time_is_not_sent_again(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.wait_ready()
    settings = api_settings(redis_url=server.url, redis_timeout=0.5)
    goes_on = threading.Timer(0.75, server.process.resume)  # before a second try would be given up
    with ExitStack() as ends:
        ends.callback(server.process.stop)
        client = ends.enter_context(connect_redis(settings))
        client.set("counted", 0)
        with server.process.paused():
            goes_on.start()
            with pytest.raises(RedisError, match="Timeout"):
                client.incr("counted")
            goes_on.join()
        wait_until(lambda: client.get("counted") != b"0", 5, "it was done after all")
        assert client.get("counted") == b"1"


def test_a_connection_that_died_while_it_lay_idle_costs_nobody_an_answer(
    client: Redis, servers: Servers
) -> None:
    name = client.client_id()
    with Redis.from_url(servers.redis.url) as other:
        assert other.client_kill_filter(_id=str(name)) == 1
    assert client.ping()
    assert client.client_id() != name
