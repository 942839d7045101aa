"""One client's connection: reads when the client sends, and sends responses back in order."""

import errno
import logging
import socket
import time
from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import gevent

from api.server.messages import HttpRequest
from api.server.reading import RequestReader
from shared.metrics import Unexpected, Where

_logger = logging.getLogger(__name__)

_ROOM = memoryview(bytearray(64 * 1024))
"""Where every read lands first: memory for each, most of which is given back, costs more."""
_MAX_PIPELINED = 16
_MAX_AHEAD_BYTES = 64 * 1024
"""Requests, and bytes of bodies, that a client may send ahead of the answer that it waits for.

It is not read from while it is further ahead."""

_READABLE, _WRITABLE = 1, 2
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Patience(NamedTuple):
    """How long, in seconds, a client may take."""

    idle: float
    """Between two requests, or two pieces of a body."""
    head: float
    """For all of a request's head."""
    read: float
    """To read some of an answer."""
    linger: float
    """To hang up once it has its last answer, or to be answered once it sends no more."""
    last: float
    """To hang up where it goes on sending: all of it is read and dropped."""


class Door(Protocol):
    """What a connection belongs to."""

    max_body_bytes: int
    patience: Patience
    draining: bool
    unexpected: Unexpected

    def turn_away(self, data: bytes) -> bytes | None:
        """The refusal of a request that is not to be read at all."""

    def knows_caller(self, request: HttpRequest) -> bool:
        """Whether the head of a request shows that its caller may be served."""

    def failure(self, request: HttpRequest | None, status: HTTPStatus, detail: str) -> bytes:
        """The last response on a connection, to a request that could not be read to its end."""

    def arrived(self, connection: "Connection", request: HttpRequest) -> bytes | None:
        """Answers a request on the spot, or takes it over and calls ``respond`` later."""

    def take(self, count: int) -> bool:
        """Whether the process has memory for so many bytes more; negative gives some back."""

    def closed(self, connection: "Connection") -> None:
        """The connection is gone."""


class _State(IntEnum):
    """What a connection still does."""

    OPEN = 0
    """Reads requests, until its reader has ended, and answers them."""
    LINGERING = 1
    """Has answered all; waits for the client to hang up, so that it can read the answer."""
    CLOSED = 2


_OPEN, _LINGERING, _CLOSED = _State
"""Names for the hot path: asking the class for a member is a call in Python 3.11."""


class Connection:
    """Owns a non-blocking socket. Only ``respond`` may block; the rest runs in the event loop."""

    __slots__ = (
        "_asked", "_door", "_ended_at", "_held", "_lingers_until", "_reader", "_socket", "_state",
        "_watcher", "_writer", "answering", "limited", "since",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, base: Mapping[str, Any], door: Door) -> None:
        """``base``: what every request of this connection has in its WSGI environ."""
        self._socket = sock
        self._door = door
        self._reader = RequestReader(base, door.max_body_bytes)
        self._state = _OPEN
        self.answering = False
        """Whether it is the client that waits."""
        self.since = time.monotonic()
        """Since when the client is waited for; a monotonic instant."""
        self.limited = False
        """Whether there was room for it only in the reserve for health checks."""
        self._held = 0  # bytes of bodies, or of an answer that waits to be read
        self._asked = 0  # those of the request that is being answered
        self._writer: tuple[Any, Any] | None = None  # the greenlet that writes, and its watcher
        self._ended_at: float | None = None  # when the client ended while it waited
        self._lingers_until = 0.0
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), _READABLE)
        self._watcher.start(self._on_readable)

    @property
    def idle(self) -> bool:
        """Whether it is open and everything that was asked is answered."""
        waits = self._state is _OPEN and not self.answering
        return waits and self._reader.request is None

    @property
    def stalled(self) -> bool:
        """Whether an answer waits for the client to read it."""
        return self._writer is not None

    @property
    def expendable(self) -> bool:
        """Whether it is hung up on where there is no room: nobody waits for its answer."""
        return not self.answering or self.stalled or self._ended_at is not None

    def has_unread(self) -> bool:
        """Whether the client has sent what was not read yet."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def check(self, now: float) -> None:
        """Hangs up on a client that takes longer than it may. ``now`` is monotonic."""
        if self._ended_at is not None and now - self._ended_at > self._door.patience.linger:
            self.close()  # by now it is more likely gone than half closed
            return
        if self.answering or now - self.since <= self._may_take():
            return
        if self._state is _LINGERING or self._reader.request is None:
            self.close()
        else:
            detail = "The request did not arrive in time"
            self._reader.refuse(HTTPStatus.REQUEST_TIMEOUT, detail)
            self._next()

    def close(self) -> None:
        """Hangs up at once."""
        if self._state is _CLOSED:
            return
        self._state = _CLOSED
        self._hold(0)
        self._reader.drop()
        self._watcher.stop()
        self._watcher.close()
        if self._writer is not None:  # before its file descriptor is another connection's
            writer, watcher = self._writer
            watcher.close()
            gevent.get_hub().loop.run_callback(writer.throw, OSError(errno.EPIPE, "closed"))
        self._socket.close()
        self._door.closed(self)

    def respond(self, response: bytes, keep_alive: bool) -> None:
        """Sends the response to the request in hand; waits for a slow reader, within bounds."""
        try:
            self._send_all(response)
        except OSError:
            self.close()
        self._answered(keep_alive)
        self._next()

    def _may_take(self) -> float:
        """Seconds that the client has for what is waited for."""
        if self._state is _LINGERING:
            return self._door.patience.linger
        patience = self._door.patience
        return patience.idle if self._reader.heading is None else patience.head

    def _answered(self, keep_alive: bool) -> None:
        self.answering = False
        self.since = time.monotonic()
        self._ended_at = None
        self._asked = 0
        if not keep_alive:
            self._reader.drop()
        elif not self._reader.ended and len(self._reader.ready) < _MAX_PIPELINED:
            self._watcher.start(self._on_readable)

    def _on_readable(self) -> None:
        try:
            self._receive()
        except Exception:
            # Nobody above but the event loop, which would leave the connection as it is.
            _logger.exception("a connection failed")
            self._door.unexpected(Where.CONNECTION)
            self.close()

    def _receive(self) -> None:
        try:
            data = bytes(_ROOM[: self._socket.recv_into(_ROOM)])
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._on_end()
        elif self._state is _OPEN:
            self._read(data)
        elif time.monotonic() < self._lingers_until:
            self.since = time.monotonic()

    def _on_end(self) -> None:
        """The client sends no more; it may still read the answers to what it has asked."""
        self._watcher.stop()
        if self.answering:
            self._reader.end()
            self._ended_at = time.monotonic()
        else:
            self.close()

    def _read(self, data: bytes) -> None:
        reader = self._reader
        if not self.answering and reader.request is None:
            refusal = self._door.turn_away(data)
            if refusal is not None:
                self._send_now(refusal)
                self.since = time.monotonic()
                return
        heading = reader.heading
        reader.feed(data)
        self._doubt_caller()
        if reader.request is not None or self._held:
            self._bound_body()
        if heading is None or reader.heading is not heading:
            self.since = time.monotonic()  # else it is a head that takes its time
        if not self.answering:
            self._next()
        elif len(reader.ready) >= _MAX_PIPELINED or reader.ahead_bytes() > _MAX_AHEAD_BYTES:
            self._watcher.stop()

    def _doubt_caller(self) -> None:
        """Takes no body in pieces from just anybody: it would have to be kept until it is whole."""
        request = self._reader.request
        if request is None or request.known or not request.head_done:
            return
        request.known = self._door.knows_caller(request)
        if not request.known:
            self._reader.cut(request)

    def _bound_body(self) -> None:
        """Refuses a body for which the process has no memory."""
        request = self._reader.request
        coming = 0 if request is None else len(request.body)
        if not self._hold(self._asked + coming) and coming:
            detail = "Too many large requests are on their way: come back later"
            self._reader.refuse(HTTPStatus.SERVICE_UNAVAILABLE, detail)
            self._hold(self._asked)

    def _hold(self, count: int) -> bool:
        """Whether the process has memory for so many bytes of this connection's."""
        more = count - self._held
        if not more:
            return True
        self._held = count
        return self._door.take(more)

    def _next(self) -> None:
        """Has the next request answered: in order, one at a time."""
        reader = self._reader
        while reader.ready:
            request = reader.ready.popleft()
            answer = self._door.arrived(self, request)
            if answer is None:
                self.answering = True
                if request.body_bytes > _MAX_AHEAD_BYTES:
                    self._asked = request.body_bytes
                    self._bound_body()
                return
            self._send_now(answer)
            self._answered(request.keep_alive and not self._door.draining)
        if reader.ended:
            self._part()
        elif reader.take_expectation():
            self._send_now(_CONTINUE)

    def _part(self) -> None:
        """Says what is left to say and lets the client read it before it is hung up on.

        A socket closed with unread input resets the connection, and the answer is lost.
        """
        if self._reader.refusal is not None:
            status, detail = self._reader.refusal
            self._send_now(self._door.failure(self._reader.refused, status, detail))
        if self._state is _CLOSED:
            return
        self._state = _LINGERING
        self.since = time.monotonic()
        self._lingers_until = self.since + self._door.patience.last
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
        else:
            self._watcher.start(self._on_readable)

    def _send_now(self, data: bytes) -> None:
        """Sends something small from the event loop; a client whose buffer is full has left."""
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self.close()

    def _send_all(self, data: bytes) -> None:
        """Raises OSError where the client is gone or takes longer than it may."""
        if self._state is _CLOSED:
            raise OSError(errno.EPIPE, "closed")
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    self._hold(len(data))
                    self.since = time.monotonic()
                    self._wait_until_writable()
        finally:
            if self._held:
                self._hold(0)  # what is ahead is counted again when more of it comes

    def _wait_until_writable(self) -> None:
        if self._state is _CLOSED:  # for want of memory
            raise OSError(errno.EPIPE, "closed")
        watcher = gevent.get_hub().loop.io(self._socket.fileno(), _WRITABLE)
        self._writer = gevent.getcurrent(), watcher
        try:
            with gevent.Timeout(self._door.patience.read, TimeoutError("The client does not read")):
                gevent.get_hub().wait(watcher)
        finally:
            self._writer = None
            watcher.close()
