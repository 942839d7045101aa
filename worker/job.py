"""One task as the worker holds it between its delivery and its acknowledgement."""

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import msgspec
from kombu.message import Message

from shared.cache import CACHE_HEADER, CacheTicket, read_ticket
from shared.clean_text import is_clean
from shared.errors import InvalidField, MalformedBody, NotRegistered, RegnoError, TooLarge
from shared.guarded_amqp import CODED, COMPRESSED, FLAW, UNREADABLE
from shared.messages import PUBLISHED_HEADER, REQUEST_ID_HEADER, Chunk, chunk_of
from shared.queues import DELIVERY_LIMIT, TASK_NAME, Lane
from shared.rows import Row, RowReader
from worker.refusals import MessageRefused, RefusalKind


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
    refused: bool = False
    """Whether its message is rejected once its failure is stored."""

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
_JSON = "application/json"
_PLAIN_EMBED = b'{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'

_body_decoder = msgspec.json.Decoder(_Body)
_embed_decoder = msgspec.json.Decoder(dict[str, Any] | None)


class _OldTask(msgspec.Struct):
    """The body of a task in Celery's message protocol 1, as far as it is of use."""

    task: str
    id: str


_old_decoder = msgspec.json.Decoder(_OldTask)

_FLAWS: dict[str, tuple[RefusalKind, str]] = {
    COMPRESSED: ("compression", "Compressed messages are not read: send it uncompressed"),
    CODED: ("content_encoding", "content_encoding must be utf-8"),
}
"""What can be wrong with a message whose headers can be read."""


class JobReader:
    """Turns Celery messages into jobs."""

    def __init__(self, rows: RowReader) -> None:
        """``rows`` checks the arguments, whoever sent them."""
        self._rows = rows

    def read(self, message: Message) -> Job:
        """The job of a message. What is wrong with its arguments becomes its failure.

        Raises MessageRefused for a message that is no task this service does, with a job where
        there is somebody to be told.
        """
        headers = message.headers
        flaw = message.properties.get(FLAW)
        if flaw == UNREADABLE:
            raise MessageRefused("properties", "The properties cannot be decoded")
        if "task" not in headers:
            raise _refused_old(message)
        task, task_id = headers["task"], cast("str", headers.get("id"))
        if task != TASK_NAME and not is_clean(task):
            raise MessageRefused("task", "Header task: expected 1 to 255 printable characters")
        if not is_clean(task_id):
            raise MessageRefused("id", "Header id: expected 1 to 255 printable characters")
        if task != TASK_NAME:
            raise _refused("unknown_task", NotRegistered(task), message, task_id)
        if flaw is not None:
            kind, reason = _FLAWS[flaw]
            raise _refused(kind, MalformedBody(reason), message, task_id)
        if message.content_type != _JSON:
            error = MalformedBody(f"content_type must be {_JSON}, not {message.content_type}")
            raise _refused("body", error, message, task_id)
        return self._read_task(message, task_id)

    def _read_task(self, message: Message, task_id: str) -> Job:
        headers = message.headers
        try:
            chunk = chunk_of(headers)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MessageRefused("chunk", f"No chunk of an array: {error!r}") from error
        try:
            expires_at = _timestamp(headers.get("expires"))
            request_id = _clean_header(headers, REQUEST_ID_HEADER) or task_id
            _refuse_unsupported(headers)
        except MalformedBody as error:
            raise _refused("header", error, message, task_id) from error
        lane = _lane(message.delivery_info)
        failed_deliveries = _failed_deliveries(headers)
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
            lane=lane,
            rows=rows,
            failure=failure,
            expires_at=expires_at,
            reply_to=_reply_to(message),
            request_id=request_id,
            message=message,
            failed_deliveries=failed_deliveries,
            redelivery=uuid.uuid4().hex if again else None,
            cache=read_ticket(headers.get(CACHE_HEADER)),
            chunk=chunk,
            published_at=_moment(headers.get(PUBLISHED_HEADER)),
        )

    def _read_rows(self, message: Message) -> list[Row]:
        try:
            args, kwargs, embed = _body_decoder.decode(message.body)
            if bytes(embed) != _PLAIN_EMBED:
                _refuse_workflow(_embed_decoder.decode(embed))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise MalformedBody(f"Not a Celery message: {error}") from error
        rows, _ = self._rows.read_json(bytes(_argument(args, kwargs)))
        return rows


def _refused(
    kind: RefusalKind, error: RegnoError, message: Message, task_id: str
) -> MessageRefused:
    """A refusal that is told to whoever waits for the task."""
    job = Job(
        task_id=task_id,
        lane=_lane(message.delivery_info),
        rows=(),
        failure=error,
        expires_at=None,
        reply_to=_reply_to(message),
        request_id=task_id,
        message=message,
        refused=True,
    )
    return MessageRefused(kind, error.detail, job)


def _refused_old(message: Message) -> MessageRefused:
    """Of a message that has no header ``task``: it may be a task of Celery's protocol 1."""
    reason = "Neither a header task nor a task in the body"
    if message.content_type != _JSON or FLAW in message.properties:
        return MessageRefused("task", reason)
    try:
        old = _old_decoder.decode(message.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return MessageRefused("task", reason)
    if not is_clean(old.task) or not is_clean(old.id):
        return MessageRefused("task", reason)
    error = MalformedBody("Message protocol 1 is not read: set task_protocol = 2 in the client")
    return _refused("body", error, message, old.id)


def _clean_header(headers: dict[str, Any], name: str) -> str | None:
    """Raises MalformedBody for a header that is there and no clean text."""
    value = headers.get(name)
    if value is None or value == "":
        return None
    if not is_clean(value):
        raise MalformedBody(f"Header {name}: expected 1 to 255 printable characters")
    return cast("str", value)


def _reply_to(message: Message) -> str | None:
    """Where the sender hears of the result beside its key; None for what is no such name."""
    reply_to = message.properties.get("reply_to")
    return reply_to if is_clean(reply_to) else None


def _failed_deliveries(headers: dict[str, Any]) -> int:
    """RabbitMQ's count; what a sender wrote in its place is none."""
    count = headers.get(_DELIVERY_COUNT)
    return count if isinstance(count, int) and count > 0 else 0


def _refuse_unsupported(headers: dict[str, Any]) -> None:
    """Raises MalformedBody for what Celery's own worker would do and this one does not."""
    if headers.get("eta") is not None:
        raise MalformedBody("eta and countdown are not supported: send the task when it is due")


def _refuse_workflow(embed: dict[str, Any] | None) -> None:
    """Raises MalformedBody, naming what is to be sent after this task and would not be."""
    for name in ("callbacks", "errbacks", "chain", "chord"):
        if embed and embed.get(name):
            told = {"callbacks": "link", "errbacks": "link_error"}.get(name, name)
            raise MalformedBody(f"{told} is not supported: wait for the result, then send the next")


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
    """The queue it came from: its consumer's tag, or with a broker of kombu's the routing key."""
    names = (delivery_info.get("consumer_tag"), delivery_info.get("routing_key"))
    return Lane.SYNC if Lane.SYNC in names else Lane.ASYNC


def _timestamp(expires: object) -> float | None:
    """Unix time in seconds of an ISO 8601 time. Raises MalformedBody."""
    if expires is None or expires == "":
        return None
    try:
        moment = datetime.fromisoformat(cast("str", expires))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedBody("Header expires: expected an ISO 8601 date and time") from error


def _moment(text: object) -> float | None:
    """Unix time that was written as text; None for what is none."""
    try:
        moment = float(text) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return moment if math.isfinite(moment) else None
