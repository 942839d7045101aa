"""Asks RabbitMQ's management API, within bounded time and memory.

https://www.rabbitmq.com/docs/management#http-api
"""

import http.client
import ssl
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from ops.queues.settings import ApiAddress

TIMEOUT_SECONDS = 2.0
"""On connecting, and on each wait for more of an answer."""

_MAX_ANSWER_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


class NoAnswer(Exception):
    """RabbitMQ did not say what it was asked; the text says why."""


class QueueState(NamedTuple):
    """One queue at one moment."""

    ready: int
    unacknowledged: int
    consumers: int
    published: int
    """Messages that were ever published to it, as far as RabbitMQ remembers."""


class BrokerState(NamedTuple):
    """What RabbitMQ says of itself."""

    queues: Mapping[str, QueueState]
    memory_alarm: bool
    """Whether any node takes no messages for want of memory."""
    disk_alarm: bool


class _Totals(msgspec.Struct):
    publish: int = 0


class _Queue(msgspec.Struct):
    """A queue that was declared just now has a name and no figures.

    Where something was counted, but no publishing since its node started, RabbitMQ says ``[]`` for
    an object without fields.
    """

    name: str
    messages_ready: int = 0
    messages_unacknowledged: int = 0
    consumers: int = 0
    message_stats: _Totals | list[None] = msgspec.field(default_factory=_Totals)


class _Node(msgspec.Struct):
    """Of a node that is down only the name is known. Without it RabbitMQ would say ``[]``."""

    name: str
    mem_alarm: bool = False
    disk_free_alarm: bool = False


class ManagementApi:
    """One RabbitMQ."""

    def __init__(self, address: ApiAddress) -> None:
        self._address = address
        vhost = quote(address.vhost, safe="")
        fields = ",".join(
            name if name != "message_stats" else "message_stats.publish"
            for name in _Queue.__struct_fields__
        )
        self._queues_path = f"/api/queues/{vhost}?columns={fields}"
        self._nodes_path = f"/api/nodes?columns={','.join(_Node.__struct_fields__)}"
        login = b64encode(f"{address.user}:{address.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}

    def read(self) -> BrokerState:
        """What RabbitMQ says now. Raises NoAnswer."""
        try:
            queues = self._get(self._queues_path, list[_Queue])
            nodes = self._get(self._nodes_path, list[_Node])
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        return BrokerState(
            {queue.name: _state(queue) for queue in queues},
            any(node.mem_alarm for node in nodes),
            any(node.disk_free_alarm for node in nodes),
        )

    def _get(self, path: str, kind: type[T]) -> T:
        connection = self._connect()
        try:
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise NoAnswer(f"RabbitMQ answered {answer.status} {answer.reason}")
            return msgspec.json.decode(answer.read(_MAX_ANSWER_BYTES), type=kind)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._address.tls:
            return http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def _state(queue: _Queue) -> QueueState:
    return QueueState(
        queue.messages_ready,
        queue.messages_unacknowledged,
        queue.consumers,
        queue.message_stats.publish if isinstance(queue.message_stats, _Totals) else 0,
    )
