"""One keep-alive HTTP/1.1 connection, with as little between request and answer as possible.

A general HTTP client costs about as much as the service under test. This one sends bytes that
were made before the run, reads only what it needs, and takes one system call each way.
"""

import select
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_RETRY_AFTER = b"\r\nretry-after:"

Address = tuple[socket.AddressFamily, Any]
"""A family and an address as ``socket.connect`` takes it."""


class Reply(NamedTuple):
    """What came back; status 0 where the connection was lost first."""

    status: int
    body: bytes
    retry_after: bool = False
    """Whether it said when to come again."""


LOST = Reply(0, b"")

Done = Callable[[Reply], None]


class HttpConnection:
    """Sends one request at a time; whoever polls the socket says when there is something to do."""

    __slots__ = ("_poll", "_received", "_room", "_socket", "_unsent", "done", "fd")

    def __init__(self, poll: select.epoll, address: Address, room: memoryview) -> None:
        """Begins to connect. A refusal shows with the first reading, like any other loss.

        Every read lands in ``room`` first. Connections of one thread share it: a buffer made for
        each reading would be mapped and unmapped each time.
        """
        family, at = address
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect_ex(at)
        self._poll = poll
        self._room = room
        self._received = b""
        self._unsent = b""
        self.fd = self._socket.fileno()
        self.done: Done | None = None
        """Who waits for the reply to the request under way; None while there is none."""
        poll.register(self.fd, select.EPOLLIN)

    def send(self, request: bytes, done: Done) -> None:
        """Sends a whole request. Call it again only when its reply was received."""
        self.done = done
        self._unsent = request
        self.flush()

    def flush(self) -> None:
        """Sends what the socket has not taken yet."""
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the reading that follows tells
        if sent < len(self._unsent):
            self._unsent = self._unsent[sent:]
            self._poll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)

    def resume(self) -> None:
        """Goes on with a request that the socket could not take at once."""
        self._poll.modify(self.fd, select.EPOLLIN)
        self.flush()

    def receive(self) -> Reply | None:
        """What has come: a whole reply, LOST, or None while more is to come."""
        try:
            size = self._socket.recv_into(self._room)
        except BlockingIOError:
            return None
        except OSError:
            return LOST
        if not size:
            return LOST
        data = self._received + self._room[:size]
        reply = parse_reply(data)
        self._received = data if reply is None else b""
        return reply

    def close(self) -> None:
        """Closes the connection."""
        self._poll.unregister(self.fd)
        self._socket.close()


def parse_reply(received: bytes) -> Reply | None:
    """The reply, once all of it is here. Only replies with a Content-Length are understood."""
    head, end, body = received.partition(_HEAD_END)
    if not end:
        return None
    head = head.lower()
    length = head.partition(_LENGTH)[2].partition(b"\r\n")[0]
    if len(body) < int(length or b"0"):
        return None
    return Reply(int(head[9:12]), body, _RETRY_AFTER in head)
