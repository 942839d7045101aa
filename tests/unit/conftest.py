"""Unit tests reach no network: a test that tries to fails."""

import pytest


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Blocks sockets while the test runs."""
