"""AMQP 0-9-1 frames of a published message, encoded in one go.

py-amqp encodes each message by a general table writer, polls the socket and writes to it for
every one. Encoded here, all messages that are ready leave in one write to the socket.
Specification: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, sections 2.3.5 and 4.2
"""

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any

from shared.messages import TaskMessage

_FRAME_END = b"\xce"
_FRAME_OVERHEAD = 8
_METHOD, _HEADER, _BODY = 1, 2, 3
_BASIC_CLASS, _PUBLISH = 60, 40
_MANDATORY = b"\x01"

_frame_head = Struct(">BHI").pack
_method_head = Struct(">HHH").pack
_content_head = Struct(">HHQ").pack
_long = Struct(">I").pack
_signed = Struct(">i").pack

_FLAGS = {
    "content_type": 1 << 15,
    "content_encoding": 1 << 14,
    "headers": 1 << 13,
    "delivery_mode": 1 << 12,
    "correlation_id": 1 << 10,
    "reply_to": 1 << 9,
    "expiration": 1 << 8,
}
"""The properties that a task message has, in the order in which they are written."""


def _short(text: str) -> bytes:
    """A short string: at most 255 bytes, after one byte that says how many."""
    encoded = text.encode()
    return bytes((len(encoded),)) + encoded


@lru_cache(maxsize=256)
def _name(text: str) -> bytes:
    """A short string that comes back with every message, and the type of its long string."""
    return _short(text) + b"S"


@lru_cache(maxsize=16)
def _number_name(text: str) -> bytes:
    """The same for a number: its type is that of four bytes with a sign."""
    return _short(text) + b"I"


def _table(values: Mapping[str, int | str]) -> bytes:
    """A field table of strings and small numbers."""
    fields: list[bytes] = []
    for name, value in values.items():
        if isinstance(value, int):
            fields += (_number_name(name), _signed(value))
            continue
        encoded = value.encode()
        fields += (_name(name), _long(len(encoded)), encoded)
    content = b"".join(fields)
    return _long(len(content)) + content


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return _frame_head(kind, channel, len(payload)) + payload + _FRAME_END


@lru_cache(maxsize=16)
def _publish_method(channel: int, queue: str) -> bytes:
    """The method frame: to the default exchange, by queue name, to come back if there is none."""
    payload = _method_head(_BASIC_CLASS, _PUBLISH, 0) + _short("") + _short(queue) + _MANDATORY
    return _frame(_METHOD, channel, payload)


def _property(value: Mapping[str, int | str] | int | str) -> bytes:
    if isinstance(value, str):
        return _short(value)
    return bytes((value,)) if isinstance(value, int) else _table(value)


def _properties(message: TaskMessage) -> bytes:
    """Flags and values of the properties."""
    flags = 0
    values = []
    for name, flag in _FLAGS.items():
        value: Any = message.headers if name == "headers" else message.properties.get(name)
        if value is None:
            continue
        flags |= flag
        values.append(_property(value))
    return flags.to_bytes(2, "big") + b"".join(values)


def publish_frames(message: TaskMessage, channel: int, frame_max: int) -> bytes:
    """The frames that publish a message on a channel whose frames hold ``frame_max`` bytes."""
    body = message.body
    header = _content_head(_BASIC_CLASS, 0, len(body)) + _properties(message)
    room = frame_max - _FRAME_OVERHEAD
    parts = [_publish_method(channel, message.queue), _frame(_HEADER, channel, header)]
    parts += [
        _frame(_BODY, channel, body[start : start + room]) for start in range(0, len(body), room)
    ]
    return b"".join(parts)
