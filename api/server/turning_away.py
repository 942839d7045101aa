"""Reads just enough of a request to refuse it.

Parsing a request takes several times as long as saying no to it. Where a lane is full, the most
common form of a request, all of it in one piece and nothing unusual in its head, is known by a
few searches; every other is parsed and then refused.
"""

import re
from typing import NamedTuple

_HEAD = re.compile(
    rb"POST (/[!-~]*) HTTP/1\.1"
    rb"((?:\r\n[!#$%&'*+\-.^`|~0-9A-Za-z]+:[\t -~\x80-\xff]*)+)\r\n\r\n"
)
"""Request line and header lines, nothing in them that RFC 9112 would have anyone doubt."""

_LENGTH = b"\r\ncontent-length:"
_HOST = b"\r\nhost:"
_REQUEST_ID = b"\r\nx-request-id:"
_UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|connection|upgrade|expect):")
_LENGTH_DIGITS = 9


class PlainPost(NamedTuple):
    """What a refusal needs to know of a request."""

    path: str
    request_id: str
    """As sent; empty where none was."""


def read_plain_post(data: bytes) -> PlainPost | None:
    """The request that ``data`` is; None where it is anything but one whole, plain POST."""
    parts = _HEAD.match(data)
    if parts is None:
        return None
    path, lines = parts.groups()
    head = lines.lower()
    if _UNUSUAL.search(head):
        return None
    length, host = _value(head, _LENGTH), _value(head, _HOST)
    if not host or b"," in host or not length.isdigit() or len(length) > _LENGTH_DIGITS:
        return None
    if int(length) != len(data) - parts.end():
        return None
    request_id = _value(lines, _REQUEST_ID, head)
    return PlainPost(path.partition(b"?")[0].decode(), request_id.decode("latin-1"))


def _value(head: bytes, name: bytes, lower: bytes | None = None) -> bytes:
    """A header's value; empty where there is none of it, or several.

    ``lower`` is the same head in lower case, for a value whose case matters.
    """
    searched = head if lower is None else lower
    at = searched.find(name)
    if at < 0 or searched.find(name, at + 1) >= 0:
        return b""
    start = at + len(name)
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else len(head)].strip(b" \t")
