"""Reads just enough of a request to refuse it.

Parsing a request takes several times as long as saying no to it. Where a lane is full, the most
common form of a request, all of it in one piece and nothing unusual in its head, is known by a
few searches; every other is parsed and then refused. A client's requests mostly have one of a few
heads, so what was found in a head is remembered.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from api.server.reading import is_host

_HEAD = re.compile(
    rb"POST (/[!-~]*) HTTP/1\.1"
    rb"((?:\r\n[!#$%&'*+\-.^`|~0-9A-Za-z]+:[\t -~\x80-\xff]*)+)"
)
"""Request line and header lines, nothing in them that RFC 9112 would have anyone doubt."""

_LENGTH = b"\r\ncontent-length:"
_HOST = b"\r\nhost:"
_REQUEST_ID = b"\r\nx-request-id:"
_PREFER = b"\r\nprefer:"
_UNUSUAL = re.compile(rb"\r\n(?:transfer-encoding|(?:proxy-)?connection|upgrade|expect):")
_LENGTH_DIGITS = 9

_END = b"\r\n\r\n"
_HEAD_BYTES = 2048
"""A longer head is left to the parser: heads are remembered, and many clients send many."""
_HEADS = 1024


class PlainPost(NamedTuple):
    """What a refusal needs to know of a request."""

    path: str
    query: str
    prefer: str
    """The Prefer header; empty where there is none, or several."""
    request_id: str
    """As sent; empty where none was."""
    body_bytes: int
    """The length that its head states."""


def read_plain_post(data: bytes) -> PlainPost | None:
    """The request that ``data`` is; None where it is anything but one whole, plain POST."""
    end = data.find(_END, 0, _HEAD_BYTES)
    if end < 0:
        return None
    post = _read_head(data[:end])
    return post if post is not None and post.body_bytes == len(data) - end - len(_END) else None


@lru_cache(maxsize=_HEADS)
def _read_head(data: bytes) -> PlainPost | None:
    """The request whose head ``data`` is, without the empty line that ends it."""
    parts = _HEAD.fullmatch(data)
    if parts is None:
        return None
    path, lines = parts.groups()
    head = lines.lower()
    if _UNUSUAL.search(head):
        return None
    length, host = _value(head, _LENGTH), _value(head, _HOST)
    if not is_host(host.decode("latin-1")) or not length.isdigit() or len(length) > _LENGTH_DIGITS:
        return None
    path, _, query = path.partition(b"?")
    return PlainPost(
        path.decode(),
        query.decode(),
        _value(head, _PREFER).decode("latin-1"),
        _value(lines, _REQUEST_ID, head).decode("latin-1"),
        int(length),
    )


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
