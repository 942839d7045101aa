"""The task message: Celery's protocol 2, with only the headers a worker reads.

Stock publishing builds ``repr`` of the arguments and twenty headers for every call; a lean
message costs a fraction and any Celery worker still understands it.
Protocol: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from shared.cache import CACHE_HEADER, CacheTicket
from shared.clean_text import is_clean
from shared.queues import TASK_NAME, Lane
from shared.rows import Row
from shared.trace_context import TraceContext

REQUEST_ID_HEADER = "request_id"
CHUNKS_HEADER = "chunks"
"""Number of chunks of an array. What has this header is a chunk, whoever sent it."""
FIRST_ROW_HEADER = "first_row"
"""Number, from 0, that the chunk's first row has in the array."""
PUBLISHED_HEADER = "published_at"
"""Unix time in seconds by Redis's clock, as text: AMQP has only whole seconds for it."""
_EMBED: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_NO_REPR = "-"  # Celery would send a repr of every row
_PERSISTENT, _TRANSIENT = 2, 1

_encoder = msgspec.json.Encoder()


class Chunk(NamedTuple):
    """Where a task belongs that is a part of a large array."""

    array_id: str
    """Task id of the whole array: what its caller knows, and where its result goes."""
    place: int
    """Number among the array's chunks, from 0."""
    total: int
    """How many chunks there are."""
    first_row: int
    """Number, from 0, that its first row has in the array."""


class TaskMessage(NamedTuple):
    """One message ready to publish to the queue it names."""

    queue: str
    task_id: str
    body: bytes
    headers: dict[str, Any]
    properties: dict[str, Any]


def task_message(
    lane: Lane,
    task_id: str,
    rows: Sequence[Row],
    *,
    expires_at: float,
    expires_in: float,
    reply_to: str | None = None,
    request_id: str,
    cache: CacheTicket | None = None,
    chunk: Chunk | None = None,
    trace: TraceContext | None = None,
) -> TaskMessage:
    """The message of one ``pick_regno`` task.

    ``expires_at`` is Unix time in seconds by Redis's clock, for workers; ``expires_in`` the same
    moment in seconds from now. In the sync lane it is RabbitMQ's TTL too, which drops what has
    expired in the queue. An async message carries no TTL: a worker must see it to say it expired.
    ``cache`` asks the worker to keep the result for identical requests.
    The rows of a ``chunk`` are some of its array's.
    ``trace`` is passed on by its W3C headers.
    """
    headers = {
        "lang": "py",
        "task": TASK_NAME,
        "id": task_id,
        "root_id": task_id,
        "argsrepr": _NO_REPR,
        "kwargsrepr": _NO_REPR,
        "expires": datetime.fromtimestamp(expires_at, UTC).isoformat(),
        PUBLISHED_HEADER: f"{expires_at - expires_in:.4f}",
        REQUEST_ID_HEADER: request_id,
    }
    if cache is not None:
        headers[CACHE_HEADER] = cache.to_header()
    if chunk is not None:
        headers |= _chunk_headers(chunk)
    if trace is not None:
        headers |= trace.to_headers()
    properties: dict[str, Any] = {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "correlation_id": task_id,
        "delivery_mode": _PERSISTENT if lane is Lane.ASYNC else _TRANSIENT,
    }
    if reply_to is not None:
        properties["reply_to"] = reply_to
    if lane is Lane.SYNC:
        properties["expiration"] = str(max(1, int(expires_in * 1000)))
    body = _encoder.encode(((rows,), {}, _EMBED))
    return TaskMessage(lane.value, task_id, body, headers, properties)


def _chunk_headers(chunk: Chunk) -> dict[str, Any]:
    """Celery's names for a task that is one of a group, and two of our own."""
    return {
        "root_id": chunk.array_id,
        "parent_id": chunk.array_id,
        "group": chunk.array_id,
        "group_index": chunk.place,
        CHUNKS_HEADER: chunk.total,
        FIRST_ROW_HEADER: chunk.first_row,
    }


def chunk_of(headers: Mapping[str, Any]) -> Chunk | None:
    """The chunk that a message's headers tell of; None for a task that is whole.

    Raises KeyError, TypeError, ValueError or OverflowError for headers that contradict themselves.
    """
    if CHUNKS_HEADER not in headers:
        return None
    numbers = (headers[name] for name in ("group_index", CHUNKS_HEADER, FIRST_ROW_HEADER))
    place, total, first_row = (int(number) for number in numbers)
    if not 0 <= place < total or first_row < place:
        raise ValueError(f"No chunk {place} of {total} begins at row {first_row}")
    if not is_clean(headers["group"]):
        raise ValueError("group: expected 1 to 255 printable characters")
    return Chunk(headers["group"], place, total, first_row)
