"""AMQP connections that no message can break.

py-amqp decodes a message's properties while it reads frames. What it cannot decode, an invalid text
or a timestamp out of range, would end the connection, and the message would come again. kombu
decompresses a body before anybody has looked at it: 314 bytes may become a gigabyte. Here such a
message is delivered like any other, with what is wrong with it among its properties, and its
receiver refuses it.

This overrides private parts of py-amqp: ``frame_handler`` and the properties of ``Message``.
"""

from collections.abc import Callable
from struct import unpack_from
from typing import Any

from amqp import spec
from amqp.basic_message import Message
from amqp.exceptions import UnexpectedFrame
from kombu.transport import pyamqp

FLAW = "flaw"
"""A property that AMQP does not have, so no sender can set it: the kind of what is wrong."""
UNREADABLE = "properties"
"""The flaw of a message whose properties cannot be decoded; it has none."""
COMPRESSED = "compression"
CODED = "content_encoding"

_METHOD, _HEADER, _BODY, _HEARTBEAT = 1, 2, 3, 8
_WITH_CONTENT = frozenset((spec.Basic.Return, spec.Basic.Deliver, spec.Basic.GetOk))
_CONTENT_ENCODINGS = frozenset((None, "utf-8", "UTF-8", "utf8", "us-ascii", "ascii", "binary"))
"""What kombu's serializers name. py-amqp decodes a body by any codec of Python's that its sender
names, such as punycode, which takes a time that grows with the square of the length."""
_COMPRESSION_HEADER = "compression"


def frame_reader(
    connection: Any, on_method: Callable[[int, tuple[int, int], Any, Any], None]
) -> Callable[[tuple[int, int, Any]], bool]:
    """py-amqp's ``frame_handler``: a function that takes one frame after the other.

    It says whether a method is complete, which ``on_method`` was told then. Raises UnexpectedFrame
    where RabbitMQ does not keep to the protocol.
    """
    unfinished: dict[int, Message] = {}

    def begin(channel: int, payload: Any) -> bool:
        method = unpack_from(">HH", payload, 0)
        if method in _WITH_CONTENT:
            unfinished[channel] = Message(frame_method=method, frame_args=payload)
            return False
        on_method(channel, method, payload, None)
        return True

    def on_frame(frame: tuple[int, int, Any]) -> bool:
        kind, channel, payload = frame
        connection.bytes_recv += 1
        message = unfinished.get(channel)
        if kind == _METHOD and message is None:
            return begin(channel, payload)
        if kind == _HEARTBEAT:
            return False
        if message is None or kind != (_BODY if message.body_size else _HEADER):
            raise UnexpectedFrame(f"Received a frame of type {kind} out of order")
        (_read_header if kind == _HEADER else Message.inbound_body)(message, payload)
        if not message.ready:
            return False
        del unfinished[channel]
        on_method(channel, message.frame_method, message.frame_args, message)
        return True

    return on_frame


def _read_header(message: Message, payload: Any) -> None:
    """Reads the size of the body and the properties, and looks for flaws."""
    try:
        message.inbound_header(payload)
    except Exception:  # noqa: BLE001 - a sender chooses what py-amqp stumbles over
        message.properties = {FLAW: UNREADABLE}
        message.ready = not message.body_size  # which is read before the properties
    else:
        _look_for_flaws(message.properties)
    if message.frame_method == spec.Basic.Deliver:
        _check_names(message)


def _look_for_flaws(properties: dict[str, Any]) -> None:
    if properties.get("content_encoding") not in _CONTENT_ENCODINGS:
        properties[FLAW], properties["content_encoding"] = CODED, "binary"
    headers = properties.get("application_headers")
    if headers and _COMPRESSION_HEADER in headers:
        properties[FLAW] = COMPRESSED
        del headers[_COMPRESSION_HEADER]


def _check_names(message: Message) -> None:
    """Exchange and routing key are decoded with the method; a sender chooses them."""
    payload = bytes(message.frame_args)
    at = 4 + 1 + payload[4] + 8 + 1  # method, consumer tag, delivery tag, redelivered
    try:
        payload[at:].decode()
    except UnicodeDecodeError:
        # Or one is longer than 127 bytes, so that its length is no ASCII: RabbitMQ has no such
        # name for what is declared here.
        message.properties = {FLAW: UNREADABLE}
        message.frame_args = payload[:at] + b"\0\0"


class GuardedConnection(pyamqp.Connection):
    """py-amqp's connection with such a reader of frames."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See py-amqp."""
        super().__init__(*arguments, frame_handler=frame_reader, **options)


class GuardedTransport(pyamqp.Transport):
    """kombu's transport on such connections."""

    Connection = GuardedConnection


class GuardedTLSTransport(pyamqp.SSLTransport):
    """The same over TLS."""

    Connection = GuardedConnection


def guarded_transport(broker_url: str) -> str | None:
    """The transport for a broker by name; None for a broker of kombu's own, which has no frames."""
    if not broker_url.startswith("amqp"):
        return None
    secured = broker_url.startswith("amqps")
    kind = GuardedTLSTransport if secured else GuardedTransport
    return f"{__name__}:{kind.__name__}"
