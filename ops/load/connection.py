"""One keep-alive HTTP/1.1 connection, with as little between request and answer as possible.

A general HTTP client costs about as much as the service under test; this one sends bytes that
were made before the run and reads only what it needs: the status and the body.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Reply(NamedTuple):
    """What came back; status 0 where the connection was lost first."""

    status: int
    body: bytes


LOST = Reply(0, b"")


class HttpConnection(asyncio.Protocol):
    """Sends one request at a time and hands its reply to a callback."""

    __slots__ = ("_done", "_lost", "_received", "_transport")

    def __init__(self, lost: Callable[["HttpConnection"], None]) -> None:
        """``lost`` is called once, when the connection is gone."""
        self._lost = lost
        self._received = b""
        self._done: Callable[[HttpConnection, Reply], None] | None = None
        self._transport: asyncio.Transport | None = None

    def send(self, request: bytes, done: Callable[["HttpConnection", Reply], None]) -> None:
        """Sends a whole request. Call it again only after ``done`` was called."""
        self._done = done
        cast("asyncio.Transport", self._transport).write(request)

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        received = self._received + data if self._received else data
        reply = parse_reply(received)
        if reply is None:
            self._received = received
            return
        self._received = b""
        self._finish(reply)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """See asyncio.Protocol."""
        self._lost(self)
        if self._done is not None:
            self._finish(LOST)

    def _finish(self, reply: Reply) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(self, reply)


def parse_reply(received: bytes) -> Reply | None:
    """The reply, once all of it is here. Only replies with a Content-Length are understood."""
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    head = received[:end].lower()
    at = head.find(_LENGTH)
    length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    body = received[end + len(_HEAD_END) :]
    return Reply(int(received[9:12]), body) if len(body) >= length else None
