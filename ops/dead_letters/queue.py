"""``regno.dead`` in RabbitMQ: looking through it loses nothing, whenever it is interrupted.

Letters are delivered and not acknowledged; what is not removed goes back when the connection ends.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import amqp
from amqp.exceptions import MessageNacked, ResourceLocked
from kombu.connection import Connection

from ops.dead_letters.letter import Letter, read_letter
from shared.errors import BrokerUnavailable, Conflict
from shared.guarded_amqp import guarded_transport
from shared.queues import DEAD_QUEUE, Lane, declare_lane

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""How long RabbitMQ may take to answer, or to confirm a message that is put back."""
SILENCE_SECONDS = 5.0
"""After which no further letter is expected, though RabbitMQ had counted more."""

_LOCK = "regno.dead.operator"
"""An exclusive queue, which ends with its connection: letters that one command holds, another does
not see, and would report as gone."""

_MOST_HELD = 65_535
"""AMQP's largest window. RabbitMQ would take 0, no limit, for 2,000 with a quorum queue."""


class DeadQueue:
    """The letters, for one command at a time. Use as a context.

    Everything raises BrokerUnavailable where RabbitMQ does not do its part; entering it Conflict
    while another command runs.
    """

    def __init__(self, broker_url: str) -> None:
        bounds = {"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}
        self._connection = Connection(
            broker_url,
            connect_timeout=CONNECT_SECONDS,
            transport=guarded_transport(broker_url),
            transport_options=bounds,
        )
        self._arrived: deque[amqp.Message] = deque()
        self._broken = False

    def __enter__(self) -> Self:
        try:
            with self._translated():
                self._connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
                self._channel = self._connection.channel()
                self._publishing = self._connection.channel()
                declare_lane(self._channel, Lane.ASYNC)
                self._lock()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def letters(self) -> Iterator[Letter]:
        """Every letter that is there now, oldest first; at most 65,535 may be held at once."""
        with self._translated():
            channel = self._channel
            expected = channel.queue_declare(DEAD_QUEUE, passive=True).message_count
            channel.basic_qos(0, _MOST_HELD, False)
            tag = channel.basic_consume(DEAD_QUEUE, callback=self._arrived.append)
        for _ in range(expected):
            if not self._wait():
                break
            yield read_letter(self._arrived.popleft())
        with self._translated():
            channel.basic_cancel(tag)

    def remove(self, letter: Letter) -> None:
        """Takes it out of the queue for good."""
        with self._translated():
            self._channel.basic_ack(letter.tag)

    def put_back(self, letter: Letter, headers: Mapping[str, Any]) -> None:
        """Sends it to the workers once more; returns once RabbitMQ has confirmed to keep it."""
        properties = {**letter.properties, "delivery_mode": 2}
        message = amqp.Message(letter.body, application_headers=dict(headers), **properties)
        with self._translated():
            self._publishing.basic_publish_confirm(
                message,
                exchange="",
                routing_key=Lane.ASYNC.value,
                mandatory=True,
                confirm_timeout=ANSWER_SECONDS,
            )

    def _end(self) -> None:
        """RabbitMQ says goodbye once it has read every acknowledgement, a broken one never."""
        if self._broken:
            self._connection.collect()
        else:
            self._connection.release()

    def _lock(self) -> None:
        try:
            self._channel.queue_declare(_LOCK, exclusive=True)
        except ResourceLocked as error:
            raise Conflict("Another command looks at the dead letters: wait for its end") from error

    def _wait(self) -> bool:
        """Whether there is a letter to take."""
        give_up = time.monotonic() + SILENCE_SECONDS
        while not self._arrived:
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            with self._translated():
                try:
                    self._connection.drain_events(timeout=left)
                except TimeoutError:
                    return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        errors = self._connection.connection_errors + self._connection.channel_errors
        try:
            yield
        except MessageNacked as error:
            raise BrokerUnavailable(f"RabbitMQ refused it: {Lane.ASYNC} is full") from error
        except TimeoutError as error:
            self._broken = True
            raise BrokerUnavailable("RabbitMQ did not answer in time") from error
        except (*errors, OSError) as error:
            self._broken = True
            raise BrokerUnavailable(f"RabbitMQ: {error}") from error
        except KeyboardInterrupt:
            self._broken = True  # it may have come in the middle of a frame
            raise
