"""What has arrived is handed over by the event loop of kombu, and its end is told at once."""

import socket
import time

import pytest
from kombu.asynchronous import Hub

from worker.read_ahead import ReadAhead


class Trickle:
    """A connection on which more arrives while the last is handed over, for a while."""

    def __init__(self, more: int) -> None:
        self.connected = True
        self.reading = False
        self.handed_over = 0
        self.all_read = 0
        self._more = more
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.send(b"m")

    def fileno(self) -> int:
        return self._ours.fileno()

    def drain_arrived(self) -> None:
        try:
            self._ours.recv(1)
        except BlockingIOError:
            raise TimeoutError from None
        self.handed_over += 1
        if self.handed_over <= self._more:
            self._theirs.send(b"m")

    def on_all_read(self) -> None:
        assert not self.reading
        self.all_read += 1

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@pytest.mark.parametrize("more", [0, 1, 2, 40])
def test_the_end_of_what_has_arrived_is_told_without_another_wait(more: int) -> None:
    connection = Trickle(more)
    transport = ReadAhead(None)  # type: ignore[no-untyped-call]  # kombu's
    hub = Hub()
    hub.add_reader(connection.fileno(), transport.on_readable, connection, hub)
    began = time.monotonic()
    try:
        turns = hub.create_loop()
        while connection.handed_over <= more or not connection.all_read:
            next(turns)
    finally:
        hub.close()
        connection.close()
    assert connection.handed_over == more + 1
    assert time.monotonic() - began < 0.5, "the event loop was left waiting, a second by itself"
