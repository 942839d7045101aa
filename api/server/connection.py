"""One client's connection: bytes in, requests out, responses back in order."""

import errno
import logging
import socket
import time
from collections import deque
from collections.abc import Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import gevent
import httptools

from api.server.messages import HttpRequest, problem_response

_logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024
MAX_TARGET_BYTES = 8190
_RECEIVE_BYTES = 64 * 1024
_MAX_PIPELINED = 16
"""Requests that a client may send ahead; it is not read from while it is further ahead."""

_READABLE, _WRITABLE = 1, 2
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Patience(NamedTuple):
    """How long, in seconds, a client may take."""

    idle: float
    """Between two requests, or two pieces of a body, or to read an answer."""
    head: float
    """For all of a request's head."""
    linger: float
    """To hang up once it has its last answer."""


class Door(Protocol):
    """What a connection belongs to."""

    max_body_bytes: int
    patience: Patience
    draining: bool

    def arrived(self, connection: "Connection", request: HttpRequest) -> bytes | None:
        """Answers a request on the spot, or takes it over and calls ``respond`` later."""

    def closed(self, connection: "Connection") -> None:
        """The connection is gone."""


class _State(IntEnum):
    """What a connection still does."""

    OPEN = 0
    """Reads requests."""
    ENDED = 1
    """Reads no more, answers what it has read."""
    LINGERING = 2
    """Has answered all; waits for the client to hang up, so that it can read the answer."""
    CLOSED = 3


class _NoMore(Exception):
    """Stops the parser: what follows is not wanted."""


class Connection:
    """Owns a non-blocking socket. Only ``respond`` may block; the rest runs in the event loop.

    It is its own parser's listener, by httptools' names:
    https://github.com/MagicStack/httptools#apis
    """

    __slots__ = (
        "_answering", "_base", "_door", "_head_bytes", "_parser", "_pending", "_reader",
        "_request", "_since", "_socket", "_state",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, base: Mapping[str, Any], door: Door) -> None:
        """``base``: what every request of this connection has in its WSGI environ."""
        self._socket = sock
        self._base = base
        self._door = door
        self._parser = httptools.HttpRequestParser(self)
        self._request: HttpRequest | None = None
        self._pending: deque[HttpRequest] = deque()
        self._answering = False
        self._state = _State.OPEN
        self._head_bytes = 0
        self._since = time.monotonic()
        self._reader = gevent.get_hub().loop.io(sock.fileno(), _READABLE)
        self._reader.start(self._on_readable)

    @property
    def idle(self) -> bool:
        """Whether it is open and everything that was asked is answered."""
        return self._state is _State.OPEN and not self._answering and self._request is None

    def check(self, now: float) -> None:
        """Hangs up on a client that takes longer than it may. ``now`` is monotonic."""
        if self._answering:
            return
        waited = now - self._since
        patience = self._door.patience
        if self._state is _State.LINGERING:
            if waited > patience.linger:
                self.close()
        elif self._request is not None and not self._request.headers_done:
            if waited > patience.head:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time")
        elif waited > patience.idle:
            self.close()

    def close(self) -> None:
        """Hangs up at once."""
        if self._state is _State.CLOSED:
            return
        self._state = _State.CLOSED
        self._pending.clear()
        self._reader.stop()
        self._reader.close()
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

    def _answered(self, keep_alive: bool) -> None:
        self._answering = False
        self._since = time.monotonic()
        if not keep_alive:
            self._pending.clear()
            self._end()
        elif self._state is _State.OPEN and len(self._pending) < _MAX_PIPELINED:
            self._reader.start(self._on_readable)

    def _end(self) -> None:
        """No more requests are read."""
        self._state = max(self._state, _State.ENDED)

    def _linger(self) -> None:
        """Says that no more comes, and lets the client read the answer before it is hung up on.

        A socket closed with unread input resets the connection, and the answer is lost.
        """
        self._state = _State.LINGERING
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._reader.start(self._on_readable)

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            if self._state is _State.OPEN:
                self._feed(data)
            return
        # The client sends no more; it may still read the answers to what it has asked.
        self._reader.stop()
        if self._state is _State.LINGERING or not self._answering:
            self.close()
        else:
            self._end()

    def _feed(self, data: bytes) -> None:
        if self._request is None or self._request.headers_done:
            self._since = time.monotonic()
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._end()  # nothing else is spoken here; what came before is answered
            self._next()
        except httptools.HttpParserCallbackError as error:
            self._on_callback_error(error.__context__ or error)
        except httptools.HttpParserError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, _plain(error))
        else:
            self._check_head_size()

    def _on_callback_error(self, error: BaseException) -> None:
        if isinstance(error, _NoMore):
            return
        if not isinstance(error, httptools.HttpParserError):
            _logger.error("reading a request failed", exc_info=error)
        self._refuse(HTTPStatus.BAD_REQUEST, _plain(error))

    def _check_head_size(self) -> None:
        unfinished = self._request is not None and not self._request.headers_done
        if unfinished and self._head_bytes > MAX_HEAD_BYTES:
            too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(too_large, f"Expected headers of at most {MAX_HEAD_BYTES} bytes")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answers what is no request, and reads no further."""
        self._request = None
        self._end()
        if not self._answering:
            self._write(problem_response(status, detail))
        self._next()

    def _write(self, data: bytes) -> None:
        """Sends something small from the event loop; a client whose buffer is full has left."""
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self.close()

    def _send_all(self, data: bytes) -> None:
        """Raises OSError where the client is gone or takes longer than it may."""
        if self._state is _State.CLOSED:
            raise OSError(errno.EPIPE, "closed")
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._wait_until_writable()

    def _wait_until_writable(self) -> None:
        watcher = gevent.get_hub().loop.io(self._socket.fileno(), _WRITABLE)
        try:
            with gevent.Timeout(self._door.patience.idle, TimeoutError("The client does not read")):
                gevent.get_hub().wait(watcher)
        finally:
            watcher.close()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._state is not _State.OPEN:
            raise _NoMore
        self._request = HttpRequest(self._base)
        self._head_bytes = 0

    def on_url(self, part: bytes) -> None:
        """Some of the request target."""
        request = self._reading()
        request.target += part
        if len(request.target) > MAX_TARGET_BYTES:
            detail = f"Expected a target of at most {MAX_TARGET_BYTES} bytes"
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, detail)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; those behind the body are of no use here."""
        request = self._reading()
        if not request.headers_done:
            request.add_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        request, parser = self._reading(), self._parser
        request.finish_head(parser.get_method().decode(), parser.get_http_version())
        self._since = time.monotonic()
        environ = request.environ
        if int(environ.get("CONTENT_LENGTH") or 0) > self._door.max_body_bytes:
            self._cut(request)
        elif "HTTP_EXPECT" in environ and environ["HTTP_EXPECT"].lower() == "100-continue":
            self._write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        request = self._reading()
        request.body.append(part)
        request.body_bytes += len(part)
        if request.body_bytes > self._door.max_body_bytes:
            self._cut(request)

    def on_message_complete(self) -> None:
        """The request is there."""
        request = self._reading()
        request.keep_alive = self._parser.should_keep_alive()
        self._finish(request, complete=True)

    def _reading(self) -> HttpRequest:
        if self._request is None:
            raise _NoMore
        return self._request

    def _cut(self, request: HttpRequest) -> None:
        """Hands over a request whose body is too large, for the application to say so."""
        request.keep_alive = False
        self._end()
        self._finish(request, complete=False)

    def _finish(self, request: HttpRequest, *, complete: bool) -> None:
        request.finish_body(complete=complete)
        self._request = None
        self._pending.append(request)
        if self._answering and len(self._pending) >= _MAX_PIPELINED:
            self._reader.stop()
        self._next()

    def _next(self) -> None:
        """Has the next request answered: in order, one at a time."""
        while self._pending and not self._answering:
            request = self._pending.popleft()
            self._answering = True
            answer = self._door.arrived(self, request)
            if answer is None:
                return
            self._write(answer)
            self._answered(request.keep_alive and not self._door.draining)
        if self._state is _State.ENDED and not self._answering:
            self._linger()


def _plain(error: BaseException) -> str:
    """What a parser's error says, fit to stand in a JSON string."""
    return "".join(c for c in str(error) if c.isprintable() and c not in '"\\') or "Not HTTP/1.1"
