"""The front door of a process: its connections, the requests that are let in, and their answers."""

import logging
import math
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import gevent
from gevent import monkey
from gevent.server import StreamServer
from greenlet import greenlet

from api.server.connection import Connection, Patience
from api.server.gate import PLACE, Gate, Place, Served
from api.server.messages import (
    BODY,
    Environ,
    HttpRequest,
    WsgiApp,
    encode_response,
    run_app,
)
from shared.log import SENT_FIELD
from shared.metrics import Where

_logger = logging.getLogger(__name__)

_PlainSocket: Callable[..., socket.socket] = monkey.get_original("socket", "socket")

_PUMP_SECONDS = 0.001
"""How long requests may be begun before the sockets are looked at again."""

_GIVEN_UP = 1 / 64
"""Share of the connections that is given up at once where there are too many."""

_RESERVE = 16
"""Connections beyond the limit, for health checks."""
_HEALTH = frozenset(("/livez", "/readyz"))

_LEAST_MEMORY = 64 * 1024 * 1024
_BODIES = 4
"""Bytes that a process holds of bodies and of answers that wait to be read; or so many bodies."""

_SILENT_SECONDS = 0.5
"""Whoever has just come, or just been answered, is not among those."""

BASE_ENVIRON: Environ = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


class FrontDoor:
    """All connections of a process, and the requests that are let in."""

    def __init__(
        self, app: WsgiApp, served: Served, patience: Patience, max_connections: int
    ) -> None:
        self.max_body_bytes = served.max_body_bytes
        self.patience = patience
        self.unexpected = served.unexpected
        self.draining = False
        self.connections: set[Connection] = set()
        self.held_bytes = 0
        """Of bodies, and of answers that wait to be read."""
        self._most_held = max(_LEAST_MEMORY, _BODIES * served.max_body_bytes)
        self._max_connections = max_connections
        self._app = app
        self._gate: Gate = served.gate
        self._knows_caller = served.knows_caller
        self._report = served.report
        self._admitted: deque[tuple[Connection, HttpRequest, Place | None]] = deque()
        self._again = gevent.get_hub().loop.timer(0.0)
        self._pumping = False

    def accept(self, sock: Any, address: Any) -> None:
        """Takes over a connection that gevent has accepted."""
        family = sock.family
        host, port = sock.getsockname()[:2] if family != socket.AF_UNIX else ("localhost", "")
        plain = _PlainSocket(family, socket.SOCK_STREAM, fileno=sock.detach())
        plain.setblocking(False)
        remote = address if isinstance(address, tuple) else ("", "")
        base = BASE_ENVIRON | {
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "REMOTE_ADDR": remote[0],
            "REMOTE_PORT": str(remote[1]),
        }
        connection = Connection(plain, base, self)
        connection.limited = len(self.connections) >= self._max_connections
        self.connections.add(connection)

    def take(self, count: int) -> bool:
        """See ``Door``: who does not read its answer is hung up on for it."""
        self.held_bytes += count
        if count > 0 and self.held_bytes > self._most_held:
            stalled = [c for c in self.connections if c.stalled]
            stalled.sort(key=lambda c: c.since)
            for connection in stalled:
                if self.held_bytes <= self._most_held:
                    break
                connection.close()
        return self.held_bytes <= self._most_held

    def closed(self, connection: Connection) -> None:
        """See ``Door``."""
        self.connections.discard(connection)

    def turn_away(self, data: bytes) -> bytes | None:
        """See ``Door``."""
        return None if self.draining else self._gate.turn_away(data, time.monotonic())

    def knows_caller(self, request: HttpRequest) -> bool:
        """See ``Door``."""
        return self._knows_caller(request.environ)

    def failure(self, request: HttpRequest | None, status: HTTPStatus, detail: str) -> bytes:
        """See ``Door``."""
        environ = {} if request is None else request.environ
        request_id = self._gate.request_id(environ)
        return self._gate.failure(environ, status, detail, request_id)

    def arrived(self, connection: Connection, request: HttpRequest) -> bytes | None:
        """See ``Door``: what is not let in is answered at once.

        Who has no key makes no work: they take nobody's place, and how soon they are told so says
        nothing of how fast a lane's work is done.
        """
        environ = request.environ
        if (
            connection.limited
            and environ["PATH_INFO"] not in _HEALTH
            and self._still_full(connection)
        ):
            request.keep_alive = False
            detail = "Too many connections: come back later"
            return self.failure(request, HTTPStatus.SERVICE_UNAVAILABLE, detail)
        entrance = self._gate.entrance(environ)
        place = None
        if entrance is not None and (request.known or self._knows_caller(environ)):
            place = self._gate.let_in(entrance, environ, time.monotonic())
            if place is None:
                keep_alive = request.keep_alive and not self.draining
                return self._gate.refusal(entrance, environ, keep_alive)
        self._admitted.append((connection, request, place))
        if not self._pumping:
            self._pumping = True
            gevent.get_hub().loop.run_callback(self._pump)
        return None

    def _pump(self) -> None:
        """Begins what was let in, in order, and lets the loop see to the sockets in between."""
        until = time.monotonic() + _PUMP_SECONDS
        try:
            while self._admitted and time.monotonic() < until:
                greenlet(self._serve).switch(*self._admitted.popleft())
        finally:  # whatever one request has come to, the next ones are begun
            if self._admitted:
                self._again.start(self._pump)
            else:
                self._pumping = False

    def _serve(self, connection: Connection, request: HttpRequest, place: Place | None) -> None:
        """In a greenlet of its own: the application may wait in here."""
        request.environ[PLACE] = place
        try:
            try:
                response, keep_alive = self._answer(request)
            finally:
                if place is not None:
                    place.leave()
            connection.respond(response, keep_alive)
        except BaseException:  # the process is told to end; or a bug, which the event loop logs
            connection.close()
            raise

    def _answer(self, request: HttpRequest) -> tuple[bytes, bool]:
        """The response, and whether the connection stays."""
        try:
            status, headers, body = run_app(self._app, request.environ)
            keep_alive = request.keep_alive and not self.draining
            head = request.environ["REQUEST_METHOD"] == "HEAD"
            return encode_response(status, headers, body, keep_alive, head), keep_alive
        except Exception:
            # Flask answers its own errors; this is for what goes wrong around it.
            request_id = self._gate.request_id(request.environ)
            sent = {SENT_FIELD: request.environ.get(BODY), "request_id": request_id}
            _logger.exception("request %s failed", request_id, extra=sent)
            self.unexpected(Where.SERVER)
            detail = "The service failed; the request id finds it in the logs"
            failed = HTTPStatus.INTERNAL_SERVER_ERROR
            return self._gate.failure(request.environ, failed, detail, request_id), False

    def check(self) -> None:
        """Hangs up on clients that take too long, and shows what was counted. Once a second."""
        self._report()
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check(now)

    def has_room(self) -> bool:
        """Whether one more connection may come in.

        Where it is full, those that have been silent for the longest are hung up on for it. A few
        more come in than there is room for: those are served health checks only.
        """
        if len(self.connections) >= self._max_connections:
            before = time.monotonic() - _SILENT_SECONDS
            silent = [c for c in self.connections if c.expendable and c.since < before]
            silent.sort(key=lambda c: c.since)
            for connection in silent[: math.ceil(self._max_connections * _GIVEN_UP)]:
                connection.close()
        return len(self.connections) < self._max_connections + _RESERVE

    def _still_full(self, connection: Connection) -> bool:
        """Whether a connection of the reserve cannot have the place of one that asks nothing."""
        served = [c for c in self.connections if not c.limited]
        if len(served) >= self._max_connections:
            idle = [c for c in served if c.idle or (c.expendable and c.answering)]
            if not idle:
                return True
            min(idle, key=lambda c: c.since).close()
        connection.limited = False
        return False

    def close_idle(self) -> None:
        """Hangs up on clients that wait for nothing."""
        for connection in list(self.connections):
            if connection.idle and not connection.has_unread():
                connection.close()

    def close(self) -> None:
        """Hangs up on everybody."""
        for connection in list(self.connections):
            connection.close()


class Listener(StreamServer):  # type: ignore[misc]
    """A listening socket of a front door; accepts nobody whom that has no room for."""

    def __init__(self, sock: Any, door: FrontDoor) -> None:
        """``sock`` is one of gevent's."""
        super().__init__(sock, handle=door.accept, spawn=None)
        self._door = door

    def full(self) -> bool:
        """See gevent, which asks before each accept, and stops until ``start_accepting``."""
        return not self._door.has_room()
