"""The task message: Celery's protocol 2, with only the headers a worker reads.

Stock publishing builds ``repr`` of the arguments and twenty headers for every call; a lean
message costs a fraction and any Celery worker still understands it.
Protocol: https://docs.celeryq.dev/en/stable/internals/protocol.html
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from shared.cache import CACHE_HEADER, CacheTicket
from shared.queues import TASK_NAME, Lane
from shared.rows import Row

REQUEST_ID_HEADER = "request_id"
_EMBED: dict[str, None] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_NO_REPR = "-"  # Celery would send a repr of every row
_PERSISTENT, _TRANSIENT = 2, 1

_encoder = msgspec.json.Encoder()


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
) -> TaskMessage:
    """The message of one ``pick_regno`` task.

    ``expires_at`` is Unix time in seconds, for workers; ``expires_in`` the same moment in
    seconds from now. In the sync lane it is RabbitMQ's TTL too, which drops what has expired
    in the queue. An async message carries no TTL: a worker must see it to say it expired.
    ``cache`` asks the worker to keep the result for identical requests.
    """
    headers = {
        "lang": "py",
        "task": TASK_NAME,
        "id": task_id,
        "root_id": task_id,
        "argsrepr": _NO_REPR,
        "kwargsrepr": _NO_REPR,
        "expires": datetime.fromtimestamp(expires_at, UTC).isoformat(),
        REQUEST_ID_HEADER: request_id,
    }
    if cache is not None:
        headers[CACHE_HEADER] = cache.to_header()
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
