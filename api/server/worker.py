"""gunicorn's worker for the front door: its process and signals, our connections.

gunicorn reads and writes HTTP in Python, a layer at a time, which under load was more than a
third of the front door's work. Here httptools parses, and a response leaves in one write.
"""

import logging
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
from gunicorn.workers.ggevent import GeventWorker

from api.server.connection import Connection, Patience
from api.server.gate import SERVED, Entrance, Served
from api.server.messages import Environ, HttpRequest, WsgiApp, problem_response, run_app

_logger = logging.getLogger(__name__)

_PlainSocket: Callable[..., socket.socket] = monkey.get_original("socket", "socket")

_HEAD_SECONDS = 30.0
_LINGER_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_CHECK_SECONDS = 1.0
_LAST_WORD_SECONDS = 0.1
"""While stopping, how long an idle connection may still send what is on its way."""

_PUMP_SECONDS = 0.004
"""How long requests may be begun before the sockets are looked at again."""


class FrontDoor:
    """All connections of a process, and the requests that are let in."""

    def __init__(self, app: WsgiApp, served: Served, patience: Patience) -> None:
        self.max_body_bytes = served.max_body_bytes
        self.patience = patience
        self.draining = False
        self.connections: set[Connection] = set()
        self._app = app
        self._gate = served.gate
        self._admitted: deque[tuple[Connection, HttpRequest, Entrance | None]] = deque()
        self._again = gevent.get_hub().loop.timer(0.0)
        self._pumping = False

    def accept(self, sock: Any, address: Any) -> None:
        """Takes over a connection that gevent has accepted."""
        family = sock.family
        host, port = sock.getsockname()[:2] if family != socket.AF_UNIX else ("localhost", "")
        plain = _PlainSocket(family, socket.SOCK_STREAM, fileno=sock.detach())
        plain.setblocking(False)
        remote = address if isinstance(address, tuple) else ("", "")
        base = _base_environ() | {
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "REMOTE_ADDR": remote[0],
            "REMOTE_PORT": str(remote[1]),
        }
        self.connections.add(Connection(plain, base, self))

    def closed(self, connection: Connection) -> None:
        """See ``Door``."""
        self.connections.discard(connection)

    def arrived(self, connection: Connection, request: HttpRequest) -> bytes | None:
        """See ``Door``: what is not let in is answered at once."""
        environ = request.environ
        entrance = self._gate.entrance(environ)
        if entrance is not None and not entrance.lane.enter(time.monotonic()):
            keep_alive = request.keep_alive and not self.draining
            return self._gate.refusal(entrance, environ, keep_alive)
        self._admitted.append((connection, request, entrance))
        if not self._pumping:
            self._pumping = True
            gevent.get_hub().loop.run_callback(self._pump)
        return None

    def _pump(self) -> None:
        """Begins what was let in, in order, and lets the loop see to the sockets in between."""
        until = time.monotonic() + _PUMP_SECONDS
        while self._admitted and time.monotonic() < until:
            greenlet(self._serve).switch(*self._admitted.popleft())
        if self._admitted:
            self._again.start(self._pump)
        else:
            self._pumping = False

    def _serve(
        self, connection: Connection, request: HttpRequest, entrance: Entrance | None
    ) -> None:
        """In a greenlet of its own: the application may wait in here."""
        keep_alive = request.keep_alive and not self.draining
        try:
            response = run_app(self._app, request, keep_alive)
        except Exception:
            # Flask answers its own errors; what still gets here must not end the event loop.
            _logger.exception("the application failed")
            keep_alive = False
            response = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed")
        if entrance is not None:
            entrance.lane.leave(time.monotonic(), answered=response.startswith(b"HTTP/1.1 2"))
        connection.respond(response, keep_alive)

    def check(self) -> None:
        """Hangs up on clients that take too long."""
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check(now)

    def close_idle(self) -> None:
        """Hangs up on clients that wait for nothing."""
        for connection in list(self.connections):
            if connection.idle:
                connection.close()

    def close(self) -> None:
        """Hangs up on everybody."""
        for connection in list(self.connections):
            connection.close()


def _base_environ() -> Environ:
    return {
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }


class FrontDoorWorker(GeventWorker):  # type: ignore[misc]
    """Answers what it has taken, hangs up on the rest, and ends."""

    def run(self) -> None:
        """See gunicorn: serves until told to stop."""
        patience = Patience(float(self.cfg.keepalive), _HEAD_SECONDS, _LINGER_SECONDS)
        door = FrontDoor(self.wsgi, self.wsgi.extensions[SERVED], patience)
        servers = [StreamServer(s, handle=door.accept, spawn=None) for s in self.sockets]
        for server in servers:
            if self.cfg.workers > 1:
                server.max_accept = 1  # or one process takes all that come together
            server.start()
        next_check = 0.0
        while self.alive:
            if time.monotonic() >= next_check:
                self.notify()
                door.check()
                next_check = time.monotonic() + _CHECK_SECONDS
            gevent.sleep(_LOOK_SECONDS)
        for server in servers:
            server.close()
        self._drain(door)

    def _drain(self, door: FrontDoor) -> None:
        """Waits for the answers that are still to come, at most as long as gunicorn is told."""
        door.draining = True
        give_up = time.monotonic() + self.cfg.graceful_timeout
        gevent.sleep(_LAST_WORD_SECONDS)
        while door.connections and time.monotonic() < give_up:
            door.close_idle()
            self.notify()
            door.check()
            gevent.sleep(_LOOK_SECONDS)
        if door.connections:
            _logger.warning("hanging up on %d clients", len(door.connections))
            door.close()
