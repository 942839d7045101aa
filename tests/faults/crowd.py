"""Clients that a front door must bear: silent, slow, or gone without a word."""

import socket
import struct
import threading
from collections.abc import Sequence
from itertools import cycle
from typing import Self

from ops.local.programs import LOOPBACK
from tests.faults.door import Door
from tests.faults.request import DEADLINE_SECONDS
from tests.faults.work import Work

_TCP_REPAIR = 19  # linux/tcp.h; the socket module has no name for it
_STEP_SECONDS = 0.05
_VANISHING = 2
"""Of each kind, in every step."""


class Crowd:
    """Keeps its connections while its context lasts. Leaving it raises what ended them before."""

    def __init__(self, doors: Sequence[Door], work: Work, *, silent: int, slow: int) -> None:
        """``silent`` clients that say nothing, ``slow`` ones that send a byte now and then.

        In every step some more send a request and are gone before its answer.
        """
        self._ports = cycle([door.port for door in doors])
        self._request = work.predict(0, DEADLINE_SECONDS)
        self._silent = [self._connect() for _ in range(silent)]
        self._slow = [self._connect() for _ in range(slow)]
        self._stopping = threading.Event()
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="crowd")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for client in (*self._silent, *self._slow):
            client.close()
        if self._failed is not None:
            raise self._failed

    def _connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, next(self._ports)), 5)

    def _run(self) -> None:
        try:
            self._press()
        except OSError as error:
            self._failed = error

    def _press(self) -> None:
        sent = 0
        while not self._stopping.wait(_STEP_SECONDS):
            for client in self._slow:
                client.sendall(self._request[sent : sent + 1])
            sent += 1
            for _ in range(_VANISHING):
                reset(self._asking())
                vanish(self._asking())

    def _asking(self) -> socket.socket:
        client = self._connect()
        client.sendall(self._request)
        return client


def reset(client: socket.socket) -> None:
    """Ends the connection with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def vanish(client: socket.socket) -> None:
    """Ends this side without a word to the other, whose connection stays half open.

    As a host that loses its network does. Linux lets only root do it: for others it is a reset.
    """
    try:
        client.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    except PermissionError:
        reset(client)
        return
    client.close()
