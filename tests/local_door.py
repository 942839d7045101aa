"""The front door's own HTTP server with a small application, in a thread of the test's process."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Self

import gevent
from gevent import socket
from greenlet import GreenletExit

from api.server.admission import Admission, AdmissionLimits
from api.server.connection import Patience
from api.server.door import FrontDoor, Listener
from api.server.gate import Entrance, Gate, Served
from api.server.messages import BODY, Environ
from api.server.serving import drain, serve
from shared.metrics import Where
from tests.processes import wait_until
from tests.raw_http import SECONDS, RawClient

LARGE_BYTES = 32 * 1024 * 1024
"""More than the buffers of a socket take."""

PATIENT = Patience(idle=60, head=60, read=60, linger=60, last=60)


class LocalDoor:
    """Serves until left.

    ``/wait`` answers once released; ``/large`` answers much; ``/nothing`` is 204; ``/bug`` and
    ``/exit`` fail; all else tells what the application was given.
    """

    def __init__(
        self,
        *,
        patience: Patience = PATIENT,
        max_connections: int = 1000,
        max_body_bytes: int = 100_000,
        in_flight: int = 2,
        unix: str | None = None,
    ) -> None:
        limits = AdmissionLimits(in_flight, 60.0)
        self.lane = Admission(limits)
        self.other_lane = Admission(limits)
        self.answered: Counter[tuple[str, int]] = Counter()
        self.failures: Counter[Where] = Counter()
        self.released = threading.Event()
        self.ended_by: BaseException | None = None
        self._unix = unix
        self._patience = patience
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._stopped = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def connect(self) -> RawClient:
        return RawClient(self.addresses[0])

    def ask_anew(self, *lines: str) -> int:
        """The status that a new connection is answered with; 0 where it is hung up on."""
        with self.connect() as client:
            try:
                return client.ask(*lines).status
            except (AssertionError, OSError):
                return 0

    def held_bytes(self) -> int:
        return self._door.held_bytes

    def open_connections(self) -> int:
        return len(self._door.connections)

    def answering(self) -> int:
        return sum(connection.answering for connection in list(self._door.connections))

    def wait_answering(self, count: int) -> None:
        wait_until(lambda: self.answering() == count, SECONDS, f"{count} are being answered")

    def wait_open(self, count: int) -> None:
        wait_until(lambda: self.open_connections() == count, SECONDS, f"{count} are connected")

    def stop(self) -> None:
        """Begins to stop; returns at once."""
        self._stopped.set()

    def wait_stopped(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.stop()
        self.wait_stopped()

    def _run(self) -> None:
        gate = Gate(
            {
                "/wait": Entrance("/wait", self.lane, customer_form=False),
                "/reg/": Entrance("/reg/", self.lane, customer_form=True),
                "/exit": Entrance("/exit", self.lane, customer_form=False),
                "/bug": Entrance("/bug", self.lane, customer_form=False),
                "/other": Entrance("/other", self.other_lane, customer_form=False),
            },
            lambda sent: sent or "made-up",
            lambda path, status: self.answered.update(((path, status),)),
        )
        served = Served(
            gate,
            self._max_body_bytes,
            self._patience.idle,
            knows_caller,
            lambda: None,
            lambda where: self.failures.update((where,)),
        )
        self._door = FrontDoor(self._app, served, self._patience, self._max_connections)
        sockets = [_listen(socket.AF_INET, ("127.0.0.1", 0)) for _ in range(2)]
        if self._unix:
            sockets.append(_listen(socket.AF_UNIX, self._unix))
        self.addresses = [sock.getsockname() for sock in sockets]
        listeners = [Listener(sock, self._door) for sock in sockets]
        self._listening.set()
        try:
            serve(self._door, listeners, lambda: not self._stopped.is_set(), lambda: None)
            drain(self._door, SECONDS, lambda: None)
        except SystemExit as ended:
            self.ended_by = ended
            for listener in listeners:
                listener.close()
            self._door.close()
        gevent.get_hub().destroy()

    def _app(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in ("/wait", "/reg/", "/other"):
            while not self.released.is_set():
                gevent.sleep(0.005)
        elif path == "/bug":
            raise RuntimeError("a bug")
        elif path == "/exit":
            gevent.sleep(0)
            raise {"now": GreenletExit, "process": SystemExit}[environ["QUERY_STRING"]]
        elif path == "/nothing":
            start("204 NO CONTENT", [])
            return [b"that must not be sent"]
        start("200 OK", [("Content-Type", "application/json")])
        return [b"x" * LARGE_BYTES if path == "/large" else _told(environ)]


def knows_caller(environ: Environ) -> bool:
    """Everybody but who says that it is a stranger."""
    return "HTTP_X_STRANGER" not in environ


def _listen(family: int, address: Any) -> Any:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen(256)
    return sock


def _told(environ: Environ) -> bytes:
    told: dict[str, object] = {
        name: value for name, value in environ.items() if isinstance(value, str)
    }
    body = environ.get(BODY)
    told["body"] = None if body is None else body.decode("latin-1")
    return json.dumps(told).encode()
