"""What RabbitMQ says of the lanes, asked on a connection of its own."""

from collections.abc import Mapping
from typing import NamedTuple

from amqp.exceptions import NotFound
from kombu.connection import Connection

from shared.queues import Lane


class LaneSeen(NamedTuple):
    """A lane at one moment.

    How many consume it does not count: while a quorum queue's leader does not answer, RabbitMQ says
    after 250 ms that nobody does, and that nothing waits.
    """

    ready: int
    """Messages that wait and have been sent to nobody."""
    exists: bool = True

    @property
    def unserved(self) -> bool:
        """Whether a worker that has room for more, and gets none, must have lost its consumer."""
        return self.ready > 0 or not self.exists


def look_at_lanes(broker_url: str, timeout: float) -> Mapping[Lane, LaneSeen] | None:
    """Every lane; None where RabbitMQ does not answer.

    Connecting and each answer may take ``timeout`` seconds.
    """
    connection = Connection(broker_url, connect_timeout=timeout)
    try:
        # One attempt: connect() would sleep two seconds and try again.
        connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
        connection.connection.transport.sock.settimeout(timeout)
        seen = {lane: _look(connection, lane) for lane in Lane}
        connection.release()
    except (*connection.connection_errors, *connection.channel_errors):
        connection.collect()
        return None
    return seen


def _look(connection: Connection, lane: Lane) -> LaneSeen:
    channel = connection.channel()  # an error closes it, so each lane has its own
    try:
        found = channel.queue_declare(lane.value, passive=True)
    except NotFound:
        return LaneSeen(ready=0, exists=False)
    return LaneSeen(found.message_count)
