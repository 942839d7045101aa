"""A connection that carries task messages to the broker and knows that they arrived."""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import amqp
from kombu.connection import Connection
from kombu.messaging import Producer

from api.dispatch.frames import publish_frames
from shared.errors import BrokerUnavailable
from shared.messages import TaskMessage
from shared.queues import Lane, declare_lane

HEARTBEAT_SECONDS = 10

GONE_SECONDS = 1.0
"""How long a queue that has gone is left to be made by others before it is made here.

Up to 3.13 RabbitMQ hands a consumer of a deleted queue on to one that has its name by then, and,
where that is a quorum queue, never sends it anything (``handle_eol`` in its rabbit_channel.erl). So
workers are to hear of the end first, which takes some 30 ms.
"""

_PROBE_ID = "probe"

Refusals = dict[str, str]
"""Task id to the reason why the broker did not take its message."""


class Link(Protocol):
    """An open connection. Owned by one thread; any error means it is to be closed."""

    errors: tuple[type[Exception], ...]
    """What ``send`` and ``idle`` raise when the connection is of no more use."""

    def send(self, messages: Sequence[TaskMessage], timeout: float) -> Refusals:
        """Hands all messages over, bounded in seconds; says which the broker refused."""

    def idle(self) -> None:
        """To be called about once a second."""

    def refuses(self) -> str | None:
        """Why the broker takes nothing at the moment, or None."""

    def doubtful(self) -> bool:
        """Whether another connection may be taken what this one is refused."""

    def close(self) -> None:
        """Drops the connection without a word to the other side."""


class Connector:
    """Opens connections on which the messages of one lane are published."""

    def __init__(self, broker_url: str, lane: Lane) -> None:
        self._broker_url = broker_url
        self._lane = lane
        # From when on the queue is made where there is none; None while it is known to be there.
        self._make_from: float | None = 0.0

    def open(self, timeout: float) -> Link:
        """Connects within ``timeout`` seconds and declares what the lane needs.

        Raises BrokerUnavailable, which names the lane where it is only that which cannot be had;
        so it is while a queue that has gone is left alone.
        """
        blocked: list[str] = []
        is_amqp = self._broker_url.startswith("amqp")
        options: dict[str, Any] = (
            {"on_blocked": blocked.append, "on_unblocked": blocked.clear}
            if is_amqp
            else {"socket_timeout": timeout, "socket_connect_timeout": timeout}
        )
        connection = Connection(
            self._broker_url,
            connect_timeout=timeout,
            heartbeat=HEARTBEAT_SECONDS,
            transport_options=options,
        )
        errors = connection.connection_errors + connection.channel_errors + (OSError,)
        with _collected_after(errors, connection, "Cannot reach the broker"):
            # One attempt: connect() would sleep two seconds and try again.
            connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            if not is_amqp:
                channel = connection.channel()
                declare_lane(channel, self._lane)
                return VirtualLink(connection, channel, errors)
            with connection.connection.transport.having_timeout(timeout):
                channel = connection.channel()
                with _collected_after(errors, connection, f"Cannot have {self._lane}"):
                    self._declare(channel)
                link = AmqpLink(connection, channel, errors, blocked)
                link.probe(timeout)
        return link

    def _declare(self, channel: amqp.Channel) -> None:
        """Raises NotFound while a queue that was there and has gone is left alone."""
        now = time.monotonic()
        if self._make_from is None or now < self._make_from:
            try:
                channel.queue_declare(self._lane.value, passive=True)
            except amqp.NotFound:
                if self._make_from is None:
                    self._make_from = now + GONE_SECONDS
                raise
        declare_lane(channel, self._lane)
        self._make_from = None


@contextmanager
def _collected_after(
    errors: tuple[type[Exception], ...], connection: Connection, what: str
) -> Iterator[None]:
    """One of ``errors`` drops the connection and becomes BrokerUnavailable."""
    try:
        yield
    except errors as error:
        connection.collect()
        raise BrokerUnavailable(f"{what}: {error}") from error


class AmqpLink:
    """RabbitMQ with publisher confirms: a message counts once the broker has confirmed it.

    All messages of one call are written first and confirmed together, so the price of the
    round trip is shared: https://www.rabbitmq.com/docs/confirms#publisher-confirms
    """

    def __init__(
        self,
        connection: Connection,
        channel: amqp.Channel,
        errors: tuple[type[Exception], ...],
        blocked: list[str],
    ) -> None:
        """``blocked`` holds a reason while RabbitMQ refuses all publishers (an alarm)."""
        self.errors = errors
        self._connection = connection
        self._channel = channel
        self._blocked = blocked
        self._tags = itertools.count(1)
        self._unconfirmed: dict[int, str] = {}
        self._refusals: Refusals = {}
        self._missing: str | None = None
        self._taken = False
        self._refused = False
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def probe(self, timeout: float) -> None:
        """Finds out whether the broker takes messages at all.

        RabbitMQ tells of an alarm only who tries to publish. This message is for no queue, so
        it comes back. Raises one of ``errors`` where neither it nor an alarm comes in time.
        """
        self._unconfirmed[next(self._tags)] = _PROBE_ID
        self._channel.basic_publish(
            amqp.Message(b"", correlation_id=_PROBE_ID), exchange="", mandatory=True
        )
        while self._unconfirmed and not self._blocked:
            self._connection.drain_events(timeout=timeout)
        self._taken = False

    def send(self, messages: Sequence[TaskMessage], timeout: float) -> Refusals:
        """See ``Link``. Raises one of ``errors`` where confirms stay out."""
        give_up = time.monotonic() + timeout
        self._refusals = {}
        for message in messages:
            self._unconfirmed[next(self._tags)] = message.task_id
        self._write(messages, timeout)
        while self._unconfirmed:
            # Never 0, which means "only look": without confirms it would turn for ever.
            self._connection.drain_events(timeout=max(0.001, give_up - time.monotonic()))
        return self._refusals

    def _write(self, messages: Sequence[TaskMessage], timeout: float) -> None:
        """All messages in one write to the socket."""
        connection = self._connection.connection
        channel, frame_max = self._channel.channel_id, connection.frame_max
        frames = b"".join(publish_frames(message, channel, frame_max) for message in messages)
        with connection.transport.having_timeout(timeout):
            connection.transport.write(frames)
        connection.bytes_sent += len(messages)  # by this py-amqp tells whether a heartbeat is due

    def idle(self) -> None:
        """Reads what the broker has to say, and keeps the connection alive.

        Raises one of ``errors`` also where the queue has gone: a new connection declares it.
        """
        if self._missing:
            raise amqp.RecoverableConnectionError(self._missing)
        self._connection.heartbeat_check()
        try:
            self._connection.drain_events(timeout=0.001)
        except TimeoutError:
            return

    def refuses(self) -> str | None:
        """The alarm's reason, while RabbitMQ blocks publishers; or that the queue has gone."""
        return self._blocked[0] if self._blocked else self._missing

    def doubtful(self) -> bool:
        """Messages were refused, and none was ever taken.

        The queue is full; or its leader has died. RabbitMQ looks for a quorum queue's leader when
        a channel first publishes to it. One that meets with the old leader refuses everything for
        seconds, while a new one would find its successor.
        """
        return self._refused and not self._taken

    def close(self) -> None:
        """Drops the socket."""
        self._connection.collect()

    def _on_ack(self, delivery_tag: int, multiple: bool) -> None:
        self._confirm(delivery_tag, multiple)
        self._taken = True

    def _on_nack(self, delivery_tag: int, multiple: bool) -> None:
        self._refused = True
        for task_id in self._confirm(delivery_tag, multiple):
            self._refusals[task_id] = "The queue is full"

    def _on_return(self, _error: Exception, _exchange: str, queue: str, message: Any) -> None:
        if queue:  # the probe is for none
            self._missing = f"There is no queue {queue}"
            self._refusals[message.properties["correlation_id"]] = self._missing

    def _confirm(self, tag: int, multiple: bool) -> list[str]:
        tags = [t for t in self._unconfirmed if t <= tag] if multiple else [tag]
        return [self._unconfirmed.pop(t) for t in tags]


class VirtualLink:
    """Any other transport of kombu: the embedded broker of a local run without RabbitMQ."""

    def __init__(
        self, connection: Connection, channel: Any, errors: tuple[type[Exception], ...]
    ) -> None:
        """``channel`` belongs to ``connection``."""
        self.errors = errors
        self._connection = connection
        self._producer = Producer(channel)

    def send(self, messages: Sequence[TaskMessage], timeout: float) -> Refusals:  # noqa: ARG002 - bounded by the socket's own timeout
        """See ``Link``: publishing returns once the store has the message."""
        for message in messages:
            properties = dict(message.properties)
            if "expiration" in properties:  # AMQP's milliseconds; kombu wants seconds
                properties["expiration"] = int(properties["expiration"]) / 1000
            self._producer.publish(
                message.body, routing_key=message.queue, headers=message.headers, **properties
            )
        return {}

    def idle(self) -> None:
        """Nothing to keep alive."""

    def refuses(self) -> str | None:
        """Never: there are no alarms."""
        return None

    def doubtful(self) -> bool:
        """Never: nothing is refused."""
        return False

    def close(self) -> None:
        """Drops the connection."""
        self._connection.collect()
