"""AMQP in which the event loop reads together what has arrived together.

py-amqp asks the socket for exactly the bytes of each part of a frame: nine reads for a message,
and as many changes of the socket's timeout; and kombu's event loop polls between two messages.
Here one read fetches what is there, up to a bound, and all of it is handed over at once.

Only the event loop reads ahead. A call that waits for its answer, such as a declaration, reads
no further than that: what it left in the buffer nobody would look for.
"""

import errno
from collections.abc import Callable
from typing import Any

from amqp.exceptions import RecoverableConnectionError
from amqp.transport import TCPTransport

from shared.guarded_amqp import GuardedConnection, GuardedTransport

READ_AHEAD_BYTES = 16 * 1024
"""About a dozen messages. py-amqp copies what is left of it at each step, so it is no more."""

_READS_TOGETHER = 16
"""About two hundred messages, before heartbeats and timers have their turn.

What is left then, the event loop finds on the socket at once. It is not told to come back by
``Hub.call_soon``: of a callback that another one asked for, it hears only after its next poll,
which lasts up to a second where nothing more arrives.
"""

_FRAME_HEAD_BYTES = 7
_FRAME_OVERHEAD_BYTES = 8


class ReadAheadSocket(TCPTransport):  # type: ignore[misc]
    """py-amqp's socket, which reads ahead while ``ahead`` is set."""

    ahead = False

    def _setup_transport(self) -> None:
        super()._setup_transport()
        self._receive = self.sock.recv
        self._quick_recv = self._receive_more

    def _receive_more(self, wanted: int) -> bytes:
        data: bytes = self._receive(max(wanted, READ_AHEAD_BYTES) if self.ahead else wanted)
        return data

    def holds_frame(self) -> bool:
        """Whether a whole frame has been read already."""
        buffered: bytes = self._read_buffer
        if len(buffered) < _FRAME_HEAD_BYTES:
            return False
        payload = int.from_bytes(buffered[3:_FRAME_HEAD_BYTES], "big")
        return len(buffered) >= payload + _FRAME_OVERHEAD_BYTES


class ReadAheadConnection(GuardedConnection):
    """py-amqp's connection on such a socket. Not for TLS, whose socket keeps bytes of its own."""

    reading = False
    """Whether more may have arrived than was handed over."""
    on_all_read: Callable[[], None] | None = None
    """Called by the event loop each time that it has handed over what had arrived."""

    def Transport(  # noqa: N802 - py-amqp's
        self,
        host: str,
        connect_timeout: float,
        ssl: Any = False,  # noqa: ARG002 - py-amqp's
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        **options: Any,
    ) -> ReadAheadSocket:
        """See py-amqp: the socket."""
        timeouts = {"read_timeout": read_timeout, "write_timeout": write_timeout}
        return ReadAheadSocket(host, connect_timeout, **timeouts, **options)

    def blocking_read(self, timeout: float | None = None) -> Any:
        """See py-amqp: one frame. One that is here already needs no timeout."""
        transport = self.transport
        if transport.holds_frame():
            return self.on_inbound_frame(transport.read_frame())
        return super().blocking_read(timeout)

    def drain_arrived(self) -> None:
        """Hands over what has arrived, without waiting. Raises TimeoutError where it is nothing."""
        transport = self.transport
        transport.ahead = True
        try:
            self.drain_events(timeout=0)
            while self.connected and transport.holds_frame():
                self.drain_events(timeout=0)
        finally:
            transport.ahead = False


class ReadAhead(GuardedTransport):
    """kombu's transport on such connections."""

    Connection = ReadAheadConnection

    def on_readable(
        self,
        connection: ReadAheadConnection,
        loop: Any,  # noqa: ARG002 - kombu's
    ) -> None:
        """See kombu: the event loop found something to read."""
        connection.reading = True
        try:
            for _ in range(_READS_TOGETHER):
                if not connection.connected:
                    raise RecoverableConnectionError("The connection is gone")
                connection.drain_arrived()
        except TimeoutError:
            pass  # that was all
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise
        finally:
            connection.reading = False
        if connection.on_all_read is not None:
            connection.on_all_read()


READ_AHEAD = f"{__name__}:{ReadAhead.__name__}"
"""The transport by name: ``celery inspect stats`` tells it, and a class cannot be told in JSON."""
