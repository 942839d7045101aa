"""Redis fails over, and the server that was the primary stays up as a replica."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from redis import Redis

from ops.local.programs import LOOPBACK, redis_url
from tests.builders import a_row
from tests.faults.relay import Relay
from tests.processes import wait_until
from tests.servers import PASSWORD, RedisServer, Servers
from tests.stack import Stack

BACK_SECONDS = 5.0


class Pair(NamedTuple):
    """Two servers behind one address, and a service that knows only that."""

    first: RedisServer
    second: RedisServer
    address: Relay
    stack: Stack


def port_of(server: RedisServer) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


@pytest.fixture(scope="module")
def pair(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as ends:
        both: list[RedisServer] = []
        for name in ("first", "second"):
            server = RedisServer(tmp_path_factory.mktemp(name))
            ends.callback(server.process.stop)
            server.wait_ready()
            with Redis.from_url(server.url) as client:
                client.config_set("masterauth", PASSWORD)
            both.append(server)
        address = ends.enter_context(Relay([port_of(both[0])]))
        url = redis_url(address.port, PASSWORD)
        broker = servers.rabbit.add_vhost("failover")
        stack = Stack(broker, url, tmp_path_factory.mktemp("failover"))
        ends.callback(stack.close)
        stack.wait_ready()
        yield Pair(both[0], both[1], address, stack)


def fail_over(pair: Pair, old: RedisServer, new: RedisServer, primary_port: int) -> None:
    """``old`` becomes a replica of what listens on a port, or would."""
    with Redis.from_url(new.url) as redis:
        redis.execute_command("REPLICAOF", "NO", "ONE")
    pair.address.move(port_of(new))
    with Redis.from_url(old.url) as redis:
        redis.execute_command("REPLICAOF", LOOPBACK, primary_port)


def check_serves_again(stack: Stack) -> None:
    def predicts() -> bool:
        return stack.client.post("/v1/predict?timeout=1", json=a_row()).status_code == 200

    def does_tasks() -> bool:
        accepted = stack.client.post("/v1/tasks", json=a_row())
        if accepted.status_code != 202:
            return False
        told = stack.client.get(accepted.headers["Location"] + "?wait=1")
        return told.status_code == 200 and told.json()["status"] == "done"

    wait_until(predicts, BACK_SECONDS, "a synchronous request is answered")
    wait_until(does_tasks, BACK_SECONDS, "an asynchronous task is done")
    stack.wait_ready(BACK_SECONDS)


def test_the_old_primary_follows_the_new_one(pair: Pair) -> None:
    check_serves_again(pair.stack)
    fail_over(pair, pair.first, pair.second, port_of(pair.second))
    check_serves_again(pair.stack)


def test_the_old_primary_follows_nobody_that_answers(pair: Pair) -> None:
    """It hears nothing of what is published on the new one."""
    fail_over(pair, pair.second, pair.first, primary_port=1)
    check_serves_again(pair.stack)
