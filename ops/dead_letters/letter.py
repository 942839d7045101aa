"""One dead letter: what its message says of itself. No I/O."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import amqp
import msgspec

from shared.clean_text import cleaned, is_clean
from shared.guarded_amqp import FLAW
from shared.messages import PUBLISHED_HEADER, REQUEST_ID_HEADER, Chunk, chunk_of
from shared.queues import TASK_NAME

DEATHS_HEADER = "regno_deaths"
"""How often a message had been dead-lettered before it was replayed: RabbitMQ counts anew then."""

_DEATH = "x-death"
_OF_THE_BROKER = "x-"
"""RabbitMQ's own headers begin so: what it has counted of a message, and where it died."""

_Body = tuple[list[msgspec.Raw], dict[str, msgspec.Raw], msgspec.Raw]
_decoder = msgspec.json.Decoder(_Body)


class Letter(NamedTuple):
    """A message of ``regno.dead``."""

    id: str
    """The task's; of what is no task, a name made from what is in it."""
    is_task: bool
    chunk: Chunk | None
    """Where it belongs, if it is a part of a large array."""
    request_id: str
    died_at: datetime | None
    reason: str
    """``rejected``: given up by a worker, or no task. ``delivery_limit``: by RabbitMQ itself."""
    deaths: int
    """How often it was dead-lettered, replays included."""
    rows: msgspec.Raw | None
    """JSON as it was sent; None where the body is no task's."""
    tag: int
    """By which the connection that got it acknowledges it."""
    body: bytes
    properties: Mapping[str, Any]
    """Of the AMQP message, without its headers."""
    headers: Mapping[str, Any]

    @property
    def result_id(self) -> str:
        """The id that its result is stored under: its own, or that of its whole array."""
        return self.id if self.chunk is None else self.chunk.array_id

    @property
    def row_count(self) -> int | None:
        """How many rows it brings; None where that cannot be told."""
        if self.rows is None:
            return None
        try:
            return len(msgspec.json.decode(self.rows, type=list[msgspec.Raw]))
        except (msgspec.DecodeError, RecursionError):
            return None


def read_letter(message: amqp.Message) -> Letter:
    """The letter of a message as py-amqp delivers it."""
    properties = dict(message.properties)
    headers = properties.pop("application_headers", None) or {}
    content = _bytes(message.body, properties)
    death = _last_death(headers)
    is_task, chunk = _identity(headers)
    is_task = is_task and FLAW not in properties
    task_id = str(headers["id"]) if is_task else _name(content)
    return Letter(
        id=task_id,
        is_task=is_task,
        chunk=chunk,
        request_id=cleaned(str(headers.get(REQUEST_ID_HEADER) or "-")),
        died_at=_moment(death.get("time")),
        reason=cleaned(str(death.get("reason", "unknown"))),
        deaths=_number(death.get("count"), 1) + _number(headers.get(DEATHS_HEADER), 0),
        rows=_rows(content, headers, properties),
        tag=message.delivery_info["delivery_tag"],
        body=content,
        properties=properties,
        headers=headers,
    )


def replayed_headers(letter: Letter, now: float, expires_in: float) -> dict[str, Any]:
    """The headers with which it is sent again: nothing RabbitMQ has counted, and a fresh expiry.

    ``now`` is Unix time by Redis's clock, which workers go by, ``expires_in`` how long it may wait
    for a worker, both in seconds. What never expired does not do so now.
    """
    headers = {
        name: value
        for name, value in letter.headers.items()
        if not (isinstance(name, str) and name.startswith(_OF_THE_BROKER))
    }
    if headers.get("expires"):
        headers["expires"] = datetime.fromtimestamp(now + expires_in, UTC).isoformat()
    if PUBLISHED_HEADER in headers:
        headers[PUBLISHED_HEADER] = f"{now:.4f}"
    headers[DEATHS_HEADER] = letter.deaths
    return headers


def _bytes(body: str | bytes, properties: Mapping[str, Any]) -> bytes:
    """The body as it was sent: py-amqp decodes one that has an encoding."""
    if isinstance(body, bytes):
        return body
    return body.encode(str(properties.get("content_encoding") or "utf-8"))


def _identity(headers: Mapping[str, Any]) -> tuple[bool, Chunk | None]:
    """Whether it is a task that workers understand, and which part of an array it is."""
    if headers.get("task") != TASK_NAME or not is_clean(headers.get("id")):
        return False, None
    try:
        return True, chunk_of(headers)
    except (KeyError, TypeError, ValueError, OverflowError):
        return False, None


def _number(count: object, otherwise: int) -> int:
    return count if isinstance(count, int) else otherwise


def _name(body: bytes) -> str:
    return f"message-{hashlib.sha256(body).hexdigest()[:12]}"


def _last_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """RabbitMQ's entry of the death that brought it here; the latest comes first.

    https://www.rabbitmq.com/docs/dlx#effects
    """
    deaths = headers.get(_DEATH)
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return deaths[0]
    return {}


def _moment(time: object) -> datetime | None:
    """AMQP's timestamps have no zone, and mean UTC."""
    return time.replace(tzinfo=UTC) if isinstance(time, datetime) else None


def _rows(
    body: bytes, headers: Mapping[str, Any], properties: Mapping[str, Any]
) -> msgspec.Raw | None:
    if properties.get("content_type") != "application/json" or "compression" in headers:
        return None
    try:
        args, kwargs, _ = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return next(iter((*args, *kwargs.values())), None)
