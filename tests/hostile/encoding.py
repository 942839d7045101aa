"""AMQP 0-9-1 properties and tables as a sender may write them, valid or not.

Specification: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, section 4.2.5.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

import amqp

_PROPERTIES = (
    "content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id",
    "reply_to", "expiration", "message_id", "timestamp", "type", "user_id", "app_id",
)  # fmt: skip
"""In the order of their flags, from bit 15 down."""


class Raw(bytes):
    """A field value that is written as it is, its type first."""


def short(text: bytes) -> bytes:
    """A short string."""
    return bytes((len(text),)) + text


def long(content: bytes) -> bytes:
    """A long string, or the content of a table or an array."""
    return struct.pack(">I", len(content)) + content


def timestamp(seconds: int) -> Raw:
    """A field value of 64 bits without sign."""
    return Raw(b"T" + struct.pack(">Q", seconds))


def nested(kind: bytes, depth: int) -> Raw:
    """Tables (``F``) or arrays (``A``), each in another one."""
    value = b"V"
    for _ in range(depth):
        value = kind + long((short(b"k") if kind == b"F" else b"") + value)
    return Raw(value)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    Raw: bytes,
    type(None): lambda _: b"V",
    bool: lambda item: b"t" + bytes((item,)),
    int: lambda item: b"l" + struct.pack(">q", item),
    float: lambda item: b"d" + struct.pack(">d", item),
    bytes: lambda item: b"S" + long(item),
    str: lambda item: b"S" + long(item.encode("utf-8", "surrogatepass")),
    list: lambda items: b"A" + long(b"".join(map(value, items))),
    dict: lambda items: b"F" + table(items),
}


def value(item: object) -> bytes:
    """A field value with its type. Raises KeyError for what has none here."""
    return _ENCODERS[type(item)](item)


def table(items: Mapping[Any, object]) -> bytes:
    """A field table."""
    fields = []
    for name, item in items.items():
        key = name if isinstance(name, bytes) else name.encode("utf-8", "surrogatepass")
        fields.append(short(key) + value(item))
    return long(b"".join(fields))


def properties(values: Mapping[str, Any]) -> bytes:
    """Flags and values. Text is a short string, ``headers`` a table or its bytes as they are."""
    flags, encoded = 0, []
    for number, name in enumerate(_PROPERTIES):
        if name not in values:
            continue
        flags |= 1 << (15 - number)
        item = values[name]
        if name == "headers":
            encoded.append(table(item) if isinstance(item, dict) else item)
        elif name == "timestamp":
            encoded.append(struct.pack(">Q", item))
        else:
            raw = item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogatepass")
            encoded.append(short(raw))
    return struct.pack(">H", flags) + b"".join(encoded)


class RawMessage(amqp.Message):  # type: ignore[misc]
    """A message whose properties are sent as these bytes."""

    def __init__(self, body: bytes, encoded: bytes) -> None:
        super().__init__(body)
        self._encoded = encoded

    def _serialize_properties(self) -> bytes:
        return self._encoded
