"""What front door and worker must agree on to answer identical requests from Redis.

Identical are requests that hold the same rows in the same order, however they were written:
the digest is taken of rows that were checked, so key order, unknown fields and the form of a
score list make no difference.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from shared.rows import Row

CACHE_HEADER = "cache"
"""Header of a message whose result is to be kept for identical requests."""

MAX_TTL_MS = 24 * 3600 * 1000
"""Whatever a message says."""

_DIGEST_BYTES = 16
_TICKET = re.compile(r"([0-9a-f]{32}) ([1-9][0-9]{0,11})")

_encoder = msgspec.json.Encoder()


class CacheTicket(NamedTuple):
    """What a message says of the cache."""

    digest: str
    """Of the rows: hexadecimal."""
    ttl_ms: int
    """How long the result answers identical requests."""

    def to_header(self) -> str:
        """The value of CACHE_HEADER."""
        return f"{self.digest} {self.ttl_ms}"


def read_ticket(header: object) -> CacheTicket | None:
    """The ticket in a message's header; None where there is none that can be read."""
    found = _TICKET.fullmatch(header) if isinstance(header, str) else None
    return CacheTicket(found[1], min(int(found[2]), MAX_TTL_MS)) if found else None


def digest_of(rows: Sequence[Row]) -> str:
    """Digest of checked rows, hexadecimal."""
    return blake2b(_encoder.encode(rows), digest_size=_DIGEST_BYTES).hexdigest()


def cache_prefix(digest: str) -> str:
    """The Redis key of a cached result but for the model version it ends in."""
    return f"regno:cache:{digest}:"


def cache_key(digest: str, model_version: str) -> str:
    """The Redis key of the result that one model version gave for the rows."""
    return cache_prefix(digest) + model_version


def flight_key(digest: str) -> str:
    """The Redis key that holds the id of the task which computes the rows at this moment."""
    return f"regno:flight:{digest}"
