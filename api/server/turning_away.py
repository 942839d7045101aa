"""Reads just enough of a request to refuse it.

Parsing a request takes several times as long as saying no to it. Where a lane is full, the most
common form of a request, all of it in one piece and nothing unusual in its head, is known by a
few searches; every other is parsed and then refused.
"""

import re
from typing import NamedTuple

_HEAD_END = b"\r\n\r\n"
_VERSION = b" HTTP/1.1"
_LENGTH = b"\r\ncontent-length:"
_REQUEST_ID = b"\r\nx-request-id:"
_UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|connection|upgrade|expect):")


class PlainPost(NamedTuple):
    """What a refusal needs to know of a request."""

    path: str
    request_id: str
    """As sent; empty where none was."""


def read_plain_post(data: bytes) -> PlainPost | None:
    """The request that ``data`` is; None where it is anything but one whole, plain POST."""
    end = data.find(_HEAD_END)
    if end < 0 or not data.startswith(b"POST /"):
        return None
    line_end = data.find(b"\r\n")
    head = data[line_end:end].lower()
    if not data.endswith(_VERSION, 0, line_end) or _UNUSUAL.search(head):
        return None
    length = _value(head, _LENGTH)
    if not length.isdigit() or int(length) != len(data) - end - len(_HEAD_END):
        return None
    path = data[len(b"POST ") : line_end - len(_VERSION)]
    request_id = _value(data[line_end:end], _REQUEST_ID, head)
    return PlainPost(path.partition(b"?")[0].decode("latin-1"), request_id.decode("latin-1"))


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
