"""One RabbitMQ and one Redis for the session; a stack on each model."""

from collections.abc import Iterator

import pytest

from tests.builders import customer_file
from tests.servers import Servers
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
def customer_stack(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
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


@pytest.fixture
def client(stack: Stack) -> Client:
    """HTTP to the service with the shipped model."""
    return stack.client
