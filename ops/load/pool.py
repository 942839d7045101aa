"""Connections to one server: kept, reused, opened again when lost."""

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from ops.load.connection import LOST, HttpConnection, Reply

Done = Callable[[Reply], None]


class ConnectionPool:
    """At most ``size`` connections; requests beyond that wait for one, in order."""

    def __init__(self, url: str, size: int) -> None:
        """``url`` is ``http://host:port``."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._size = size
        self._open: set[HttpConnection] = set()
        self._idle: deque[HttpConnection] = deque()
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def fill(self) -> None:
        """Opens all connections before the run. Raises OSError."""
        await asyncio.gather(*(self._connect() for _ in range(self._size)))

    def send(self, request: bytes, done: Done) -> None:
        """Sends on an idle connection, or as soon as there is one."""
        if self._idle:
            self._start(self._idle.popleft(), request, done)
            return
        self._waiting.append((request, done))
        if len(self._open) + self._opening < self._size:
            self._opening += 1
            task = asyncio.get_running_loop().create_task(self._reconnect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Closes every connection."""
        for connection in list(self._open):
            connection.close()

    def _start(self, connection: HttpConnection, request: bytes, done: Done) -> None:
        def finished(freed: HttpConnection, reply: Reply) -> None:
            if reply is not LOST:
                self._idle.append(freed)
            done(reply)
            if self._waiting and self._idle:
                self._start(self._idle.popleft(), *self._waiting.popleft())

        connection.send(request, finished)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: HttpConnection(self._forget), self._host, self._port
        )
        self._open.add(connection)
        self._idle.append(connection)

    async def _reconnect(self) -> None:
        try:
            await self._connect()
        except OSError:
            if self._waiting:
                _, done = self._waiting.popleft()
                done(LOST)
            return
        finally:
            self._opening -= 1
        if self._waiting and self._idle:
            self._start(self._idle.popleft(), *self._waiting.popleft())

    def _forget(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
