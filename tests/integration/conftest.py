"""One RabbitMQ and one Redis for the session; a stack on each model."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.builders import customer_file
from tests.servers import RedisServer, Servers
from tests.stack import Client, Stack


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Shared by every test that does not stop them."""
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with the shipped model and two workers."""
    folder = tmp_path_factory.mktemp("stack")
    stack = Stack(servers.rabbit.url, servers.redis.url, folder, workers=2)
    stack.wait_ready()
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def customer_stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The service with the customer's model; skips where it is absent."""
    model = customer_file("micromodel.cbm")
    stack = Stack(
        servers.rabbit.add_vhost("customer"),
        servers.redis.url.removesuffix("/0") + "/1",
        tmp_path_factory.mktemp("customer"),
        model=model,
        workers=2,
    )
    stack.wait_ready()
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def private_stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two api processes and one worker with a Redis and a virtual host of their own.

    A test may pause or replace its workers and cut its connections, if it mends them.
    """
    folder = tmp_path_factory.mktemp("private")
    redis = RedisServer(folder)
    redis.wait_ready()
    broker_url = servers.rabbit.add_vhost("private")
    stack = Stack(broker_url, redis.url, folder, settings={"API_PROCESSES": "2"})
    stack.wait_ready()
    yield stack
    stack.close()
    redis.process.stop()


@pytest.fixture
def private_redis(private_stack: Stack) -> Iterator[Redis]:
    """A client of the private stack's Redis, to see what the service does there."""
    with Redis.from_url(private_stack.environment["REGNO_REDIS_URL"]) as client:
        yield client


@pytest.fixture
def client(stack: Stack) -> Client:
    """HTTP to the service with the shipped model."""
    return stack.client
