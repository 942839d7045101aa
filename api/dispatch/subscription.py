"""One Redis connection that listens, whose channels may change while it does.

redis-py's PubSub expects one thread to subscribe and listen. Here one thread listens for the
process's life while request threads add and remove channels; Redis allows both on a
connection, so this keeps to its plain commands: https://redis.io/docs/latest/develop/pubsub/
"""

import threading
from typing import Literal, NamedTuple, cast

from redis import ConnectionPool, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.redis_client import PrimaryPool


class Event(NamedTuple):
    """What arrived: a message, or the confirmation that a channel is now heard."""

    kind: Literal["message", "subscribe"]
    channel: str
    data: bytes


class Subscription:
    """An open subscription. ``next_event`` belongs to one thread, the rest to any."""

    def __init__(self, pool: ConnectionPool, silence_limit: float) -> None:
        """Connects as the pool's connections do. Raises redis.RedisError.

        The connection is none of the pool's, which would count each that it makes, and make no
        more after a hundred that could not connect. ``silence_limit`` in seconds: the connection
        counts as dead when it says nothing for so long, although it is pinged. A host that
        vanished closes no connection.
        """
        self._pool = cast("PrimaryPool", pool)
        self._demotions = self._pool.demotions
        self._connection = pool.connection_class(**pool.connection_kwargs)
        self._connection.connect()
        self._sending = threading.Lock()
        self._ping_after = silence_limit / 2
        self._pinged = False
        self._broken = False

    def subscribe(self, *channels: str) -> None:
        """Adds channels; an Event confirms each. Raises redis.RedisError."""
        self._send("SUBSCRIBE", *channels)

    def unsubscribe(self, channel: str) -> None:
        """Removes a channel. Raises redis.RedisError."""
        self._send("UNSUBSCRIBE", channel)

    def next_event(self) -> Event | None:
        """Waits for what comes next; None now and then, so that the caller can look around.

        Raises redis.RedisError where the connection is lost or silent for too long.
        """
        self._check()
        if not self._connection.can_read(timeout=self._ping_after):
            if self._pinged:
                raise RedisConnectionError("Redis does not answer")
            self._pinged = True
            self._send("PING")
            return None
        self._pinged = False
        reply = self._connection.read_response(timeout=self._ping_after)
        if reply[0] in (b"message", b"subscribe"):
            data = reply[2] if reply[0] == b"message" else b""
            return Event(reply[0].decode(), reply[1].decode(errors="replace"), data)
        return None

    def close(self) -> None:
        """Drops the connection. For the listening thread."""
        self._broken = True
        self._connection.disconnect()

    def _send(self, *command: str) -> None:
        with self._sending:
            self._check()
            try:
                self._connection.send_command(*command, check_health=False)
            except RedisError:
                self._broken = True
                raise

    def _check(self) -> None:
        """redis-py would quietly open a new connection, which hears nothing."""
        if self._broken:
            raise RedisConnectionError("The subscription is lost")
        if self._pool.demotions != self._demotions:
            raise RedisConnectionError("Redis was another server when this was subscribed")
