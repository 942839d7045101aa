"""Connections to one server: kept, reused, opened again when lost."""

import select
import socket
from collections import deque
from collections.abc import Collection
from urllib.parse import urlsplit

from ops.load.connection import LOST, Done, HttpConnection, Reply

_PROBE_SECONDS = 5.0
_ROOM_BYTES = 1 << 16


class ConnectionPool:
    """At most ``size`` connections; requests beyond that wait for one, in order.

    Nothing happens by itself: ``wait`` takes what has come and calls who waits for it.
    """

    def __init__(self, url: str, size: int) -> None:
        """``url`` is ``http://host:port``. Raises OSError for a name nobody knows."""
        parts = urlsplit(url)
        self._host_port = parts.hostname or "127.0.0.1", parts.port or 80
        family, _, _, _, at = socket.getaddrinfo(*self._host_port, type=socket.SOCK_STREAM)[0]
        self._address = family, at
        self._size = size
        self._poll = select.epoll()
        self._room = memoryview(bytearray(_ROOM_BYTES))
        self._open: dict[int, HttpConnection] = {}
        self._idle: deque[HttpConnection] = deque()
        self._waiting: deque[tuple[bytes, Done]] = deque()

    def fill(self) -> None:
        """Opens all connections before the run. Raises OSError where nobody listens."""
        socket.create_connection(self._host_port, _PROBE_SECONDS).close()
        while len(self._open) < self._size:
            self._idle.append(self._connect())

    def fileno(self) -> int:
        """For ``wait_any``: readable while ``wait`` has something."""
        return self._poll.fileno()

    def send(self, request: bytes, done: Done) -> None:
        """Sends on an idle connection, or as soon as there is one."""
        if self._idle:
            self._idle.popleft().send(request, done)
        else:
            self._waiting.append((request, done))
            self._serve_waiting()

    def wait(self, seconds: float) -> None:
        """Waits at most so long for replies, and hands over those that have come."""
        for fd, events in self._poll.poll(max(0.0, seconds)):
            connection = self._open.get(fd)
            if connection is None:
                continue
            if events & select.EPOLLOUT:
                connection.resume()
            if events & ~select.EPOLLOUT:
                reply = connection.receive()
                if reply is not None:
                    self._ended(connection, reply)

    def abandon(self) -> None:
        """Gives up what is under way: each request still without a reply counts as lost."""
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            done(LOST)
        for connection in list(self._open.values()):
            if connection.done is not None:
                self._ended(connection, LOST)

    def close(self) -> None:
        """Closes every connection."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
        self._idle.clear()
        self._poll.close()

    def _connect(self) -> HttpConnection:
        connection = HttpConnection(self._poll, self._address, self._room)
        self._open[connection.fd] = connection
        return connection

    def _ended(self, connection: HttpConnection, reply: Reply) -> None:
        done, connection.done = connection.done, None
        if reply is LOST:
            self._drop(connection, idle=done is None)
        else:
            self._idle.append(connection)
        if done is not None:
            done(reply)
        if self._waiting:
            self._serve_waiting()

    def _drop(self, connection: HttpConnection, *, idle: bool) -> None:
        del self._open[connection.fd]
        connection.close()
        if idle:
            self._idle.remove(connection)

    def _serve_waiting(self) -> None:
        while self._waiting:
            if self._idle:
                connection = self._idle.popleft()
            elif len(self._open) < self._size:
                connection = self._connect()
            else:
                return
            connection.send(*self._waiting.popleft())


def wait_any(pools: Collection[ConnectionPool], seconds: float) -> None:
    """``wait`` for several pools of one thread at once."""
    readable, _, _ = select.select(pools, (), (), max(0.0, seconds))
    for pool in readable:
        pool.wait(0)
