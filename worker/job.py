"""One task as the worker holds it between its delivery and its acknowledgement."""

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from celery.exceptions import InvalidTaskError
from kombu.message import Message

from shared.cache import CACHE_HEADER, CacheTicket, read_ticket
from shared.errors import InvalidField, MalformedBody, RegnoError, TooLarge
from shared.messages import PUBLISHED_HEADER, REQUEST_ID_HEADER, Chunk, chunk_of
from shared.queues import DELIVERY_LIMIT, Lane
from shared.rows import Row, RowReader


class Job(NamedTuple):
    """A delivered task. Either it has rows, or a failure that says why it cannot have any."""

    task_id: str
    lane: Lane
    rows: Sequence[Row]
    failure: RegnoError | None
    expires_at: float | None
    """Unix time in seconds, by Redis's clock, after which it must not be computed."""
    reply_to: str | None
    request_id: str
    message: Message
    failed_deliveries: int = 0
    """How often the async lane has delivered it before without an acknowledgement."""
    redelivery: str | None = None
    """A name for this delivery, where it is not the first: the job is a suspect then."""
    cache: CacheTicket | None = None
    """Where its result is kept for identical requests, which may wait for it already."""
    chunk: Chunk | None = None
    """Where it belongs, if it is a part of a large array."""
    published_at: float | None = None
    """Unix time in seconds, by Redis's clock; None where the sender does not say."""

    @property
    def result_id(self) -> str:
        """The id that its outcome is stored under: its own, or that of its whole array."""
        return self.task_id if self.chunk is None else self.chunk.array_id

    @property
    def message_name(self) -> str:
        """Tells its message from another one of the same task; "" where nothing does.

        A task is published again under its id when its first request was not told that it was
        accepted. Of an array's chunks each has a message, so a chunk has no such name.
        """
        if self.published_at is None or self.chunk is not None:
            return ""
        return f"{self.published_at:.4f}"

    @property
    def ids(self) -> dict[str, str]:
        """What a log line says of it."""
        return {"request_id": self.request_id, "task_id": self.task_id}

    @property
    def last_delivery(self) -> bool:
        """Whether one delivery more would make the broker dead-letter it."""
        return self.failed_deliveries >= DELIVERY_LIMIT

    def expired(self, now: float) -> bool:
        """Whether its deadline has passed at ``now`` (Unix time)."""
        return self.expires_at is not None and now >= self.expires_at


_Body = tuple[list[msgspec.Raw], dict[str, msgspec.Raw], msgspec.Raw]
_DELIVERY_COUNT = "x-delivery-count"  # quorum queues add it to what they deliver again

_PlainBody = tuple[list[Any], dict[str, Any], Any]
_body_decoder = msgspec.json.Decoder(_Body)


class JobReader:
    """Turns Celery messages into jobs."""

    def __init__(self, rows: RowReader) -> None:
        """``rows`` checks the arguments, whoever sent them."""
        self._rows = rows

    def read(self, message: Message) -> Job:
        """The job of a message. What is wrong with its arguments becomes its failure.

        Raises Celery's InvalidTaskError for a message that is no task at all; Celery then
        rejects it, and from the async lane it goes to the dead letters.
        """
        headers = message.headers
        try:
            task_id, expires_at = str(headers["id"]), _timestamp(headers.get("expires"))
            chunk = chunk_of(headers)
            failed_deliveries = int(headers.get(_DELIVERY_COUNT) or 0)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidTaskError(f"Not a Celery task: {error!r}") from error
        again = failed_deliveries or message.delivery_info.get("redelivered")
        rows: Sequence[Row] = ()
        failure: RegnoError | None = None
        try:
            rows = self._read_rows(message)
        except InvalidField as error:
            failure = error if chunk is None else _in_array(error, chunk.first_row)
        except (MalformedBody, TooLarge) as error:
            failure = error
        return Job(
            task_id=task_id,
            lane=_lane(message.delivery_info),
            rows=rows,
            failure=failure,
            expires_at=expires_at,
            reply_to=message.properties.get("reply_to"),
            request_id=headers.get(REQUEST_ID_HEADER) or task_id,
            message=message,
            failed_deliveries=failed_deliveries,
            redelivery=uuid.uuid4().hex if again else None,
            cache=read_ticket(headers.get(CACHE_HEADER)),
            chunk=chunk,
            published_at=_moment(headers.get(PUBLISHED_HEADER)),
        )

    def _read_rows(self, message: Message) -> list[Row]:
        try:
            if message.content_type != "application/json" or "compression" in message.headers:
                args, kwargs, _ = msgspec.convert(message.decode(), type=_PlainBody)
                return self._rows.read_objects(_argument(args, kwargs))
            args, kwargs, _ = _body_decoder.decode(message.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise MalformedBody(f"Not a Celery message: {error}") from error
        rows, _ = self._rows.read_json(bytes(_argument(args, kwargs)))
        return rows


def _argument(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The one argument of ``pick_regno(rows)``, given by position or by name."""
    given = [*args, *kwargs.values()]
    if len(given) != 1 or (kwargs and "rows" not in kwargs):
        raise InvalidField("pick_regno takes one argument, rows", "")
    return given[0]


def _in_array(error: InvalidField, first_row: int) -> InvalidField:
    """The error with a pointer that names the row by its number in the whole array."""
    _, row, *field = error.pointer.split("/", 2) if error.pointer else ("", "")
    if not row.isdigit():
        return error
    return InvalidField(error.detail, "/".join(["", str(first_row + int(row)), *field]))


def _lane(delivery_info: dict[str, Any]) -> Lane:
    """The queue it came from: with the default exchange the routing key is its name."""
    return Lane.SYNC if delivery_info.get("routing_key") == Lane.SYNC else Lane.ASYNC


def _timestamp(expires: str | None) -> float | None:
    if not expires:
        return None
    moment = datetime.fromisoformat(expires)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(text: object) -> float | None:
    """Unix time that was written as text; None for what is none."""
    try:
        moment = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return moment if math.isfinite(moment) else None
