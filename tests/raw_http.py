"""HTTP by hand: what no well-behaved client would send, and the answers byte by byte."""

import json
import socket
from types import TracebackType
from typing import Any, NamedTuple, Self

SECONDS = 15.0


class RawAnswer(NamedTuple):
    """A response as it came."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One connection. Reading waits at most ``SECONDS``."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        """``address`` as the socket takes it; a path is a Unix socket's."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(SECONDS)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def send(self, *lines: str, body: bytes = b"") -> None:
        """Sends the lines of a head, each with its end, an empty one, and a body."""
        self.socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)

    def send_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, *, head: bool = False) -> RawAnswer:
        """The next response. ``head``: it answers a HEAD request."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), f"no response but {line!r}"
        status = int(line.split()[1])
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        bodiless = head or status in (100, 204, 304)
        size = 0 if bodiless else int(headers["content-length"])
        return RawAnswer(status, headers, self._file.read(size))

    def ask(self, *lines: str, body: bytes = b"") -> RawAnswer:
        self.send(*lines, body=body)
        return self.read()

    def read_end(self) -> bytes:
        """What still comes before the server hangs up."""
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""

    def hang_up_sending(self) -> None:
        """Says that nothing more will be sent, and goes on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.close()
