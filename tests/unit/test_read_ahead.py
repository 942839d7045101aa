import socket
from typing import Any

import pytest

from worker.read_ahead import READ_AHEAD_BYTES, ReadAheadSocket

FRAME = b"\x08\x00\x00\x00\x00\x00\x00\xce"
"""A heartbeat: the shortest frame there is."""


class Wire:
    """In place of a socket: gives what was put on it, and remembers how much was asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[int] = []

    def recv(self, count: int) -> bytes:
        self.asked.append(count)
        if not self.data:
            raise BlockingIOError(11, "nothing there")
        data, self.data = self.data[:count], self.data[count:]
        return data

    def sendall(self, data: bytes) -> None:
        raise NotImplementedError


class Transport(ReadAheadSocket):
    """The transport on a wire, set up as after connecting."""

    def __init__(self, data: bytes) -> None:
        super().__init__("host")
        self.wire = Wire(data)
        self.sock: Any = self.wire
        self._setup_transport()


@pytest.fixture
def two_frames() -> Transport:
    return Transport(FRAME * 2)


def test_what_has_arrived_together_is_read_at_once(two_frames: Transport) -> None:
    two_frames.ahead = True
    two_frames.read_frame()
    assert two_frames.wire.asked == [READ_AHEAD_BYTES]
    assert two_frames.holds_frame()
    two_frames.read_frame()
    assert two_frames.wire.asked == [READ_AHEAD_BYTES]
    assert not two_frames.holds_frame()


def test_who_does_not_read_ahead_leaves_the_rest_on_the_socket(two_frames: Transport) -> None:
    two_frames.read_frame()
    assert two_frames.wire.data == FRAME
    assert not two_frames.holds_frame()


@pytest.mark.parametrize("length", range(8, 16))
def test_a_frame_that_is_not_all_there_is_not_held(length: int) -> None:
    transport = Transport((FRAME * 2)[:length])
    transport.ahead = True
    transport.read_frame()
    assert not transport.holds_frame()


def test_half_a_frame_is_kept_until_the_rest_comes() -> None:
    transport = Transport(FRAME[:5])
    transport.ahead = True
    with pytest.raises(socket.timeout):
        transport.read_frame()
    transport.wire.data = FRAME[5:]
    assert transport.read_frame() == (8, 0, b"")
