"""Messages become jobs, whoever sent them; what is no task is refused, not a crash."""

import json
import math
from typing import Any

import pytest
from kombu.message import Message

from shared.cache import MAX_TTL_MS, CacheTicket
from shared.errors import InvalidField, MalformedBody
from shared.guarded_amqp import CODED, COMPRESSED, FLAW, UNREADABLE
from shared.queues import DELIVERY_LIMIT, Lane
from shared.rows import RowReader
from shared.settings import WorkerSettings
from tests.builders import a_row
from worker.job import Job, JobReader
from worker.refusals import MessageRefused

READER = JobReader(RowReader(WorkerSettings(broker_url="amqp://", redis_url="redis://")))


def a_message(
    body: Any = None, *, queue: str = "regno.sync", redelivered: bool = False, **headers: Any
) -> Message:
    sent = [[[a_row()]], {}, {}] if body is None else body
    return Message(
        body=sent if isinstance(sent, bytes) else json.dumps(sent).encode(),
        content_type="application/json",
        content_encoding="utf-8",
        headers={"task": "pick_regno", "id": "1", **headers},
        properties={},
        delivery_info={"routing_key": queue, "redelivered": redelivered},
        accept=["application/json"],
    )


def read(message: Message) -> Job:
    return READER.read(message)


def test_the_lane_is_the_queue_it_came_from() -> None:
    assert read(a_message(queue="regno.sync")).lane is Lane.SYNC
    assert read(a_message(queue="regno.async")).lane is Lane.ASYNC


@pytest.mark.parametrize("body", [[[[a_row()]], {}, {}], [[], {"rows": [a_row()]}, {}]])
def test_rows_come_by_position_or_by_name(body: Any) -> None:
    job = read(a_message(body))
    assert job.failure is None
    assert [row.regno_recognize for row in job.rows] == [a_row()["regno_recognize"]]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b"[[], {}]", b'{"rows": []}', b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_task_body_becomes_a_failure(body: bytes) -> None:
    job = read(a_message(body))
    assert isinstance(job.failure, MalformedBody)
    assert job.rows == ()


@pytest.mark.parametrize("body", [[[], {}, {}], [[1, 2], {}, {}], [[], {"lines": []}, {}]])
def test_other_arguments_than_rows_become_a_failure(body: Any) -> None:
    assert isinstance(read(a_message(body)).failure, InvalidField)


def test_a_wrong_field_becomes_a_failure_that_names_it() -> None:
    failure = read(a_message([[[a_row(), a_row(direction="north")]], {}, {}])).failure
    assert isinstance(failure, InvalidField)
    assert failure.pointer == "/1/direction"


def refused(message: Message) -> MessageRefused:
    with pytest.raises(MessageRefused) as caught:
        read(message)
    return caught.value


UNCLEAN = ["", "a\nb", "\x1b[31m", "\u202eabc", "\ud800", "x" * 256, b"id", 5, None, [], {}, True]


@pytest.mark.parametrize("value", UNCLEAN, ids=repr)
@pytest.mark.parametrize(("header", "kind"), [("task", "task"), ("id", "id")])
def test_a_task_or_an_id_that_is_no_clean_text_is_refused(
    header: str, kind: str, value: Any
) -> None:
    error = refused(a_message(**{header: value}))
    assert error.kind == kind
    assert error.job is None


@pytest.mark.parametrize(
    ("headers", "kind", "told"),
    [
        ({"expires": "tomorrow"}, "header", "expires"),
        ({"expires": 5}, "header", "expires"),
        ({"expires": "9999-99-99"}, "header", "expires"),
        ({"expires": [1]}, "header", "expires"),
        ({"eta": "2026-01-01T00:00:00"}, "header", "countdown"),
        ({"request_id": "a\nb"}, "header", "request_id"),
        ({"request_id": ["a"]}, "header", "request_id"),
        ({"request_id": "x" * 256}, "header", "request_id"),
        ({"task": "other.task"}, "unknown_task", "other.task"),
    ],
)
def test_whoever_waits_for_a_refused_task_is_told_why(
    headers: dict[str, Any], kind: str, told: str
) -> None:
    error = refused(a_message(**headers))
    assert error.kind == kind
    assert error.job is not None
    assert error.job.refused
    assert error.job.task_id == "1"
    assert error.job.failure is not None
    assert told in error.job.failure.detail


@pytest.mark.parametrize(
    ("flaw", "content_type", "kind"),
    [
        (COMPRESSED, "application/json", "compression"),
        (CODED, "application/json", "content_encoding"),
        (None, "application/x-python-serialize", "body"),
        (None, None, "body"),
    ],
)
def test_a_body_that_is_not_read_is_told_to_whoever_waits(
    flaw: str | None, content_type: str | None, kind: str
) -> None:
    message = a_message()
    message.properties = {} if flaw is None else {FLAW: flaw}
    message.content_type = content_type
    error = refused(message)
    assert error.kind == kind
    assert error.job is not None
    assert isinstance(error.job.failure, MalformedBody)


def test_a_message_whose_properties_cannot_be_decoded_is_refused() -> None:
    message = a_message()
    message.properties = {FLAW: UNREADABLE}
    assert refused(message).kind == "properties"


@pytest.mark.parametrize("count", ["often", [1], -5, 2.5, None])
def test_a_count_of_deliveries_that_is_none_is_ignored(count: Any) -> None:
    assert read(a_message(**{"x-delivery-count": count})).failed_deliveries == 0


@pytest.mark.parametrize("index", [math.inf, "x", [1], -1, 5])
def test_a_chunk_that_contradicts_itself_is_refused(index: object) -> None:
    headers: dict[str, Any] = CHUNK | {"group_index": index}
    assert refused(a_message(**headers)).kind == "chunk"


@pytest.mark.parametrize("group", UNCLEAN, ids=repr)
def test_a_chunk_of_an_array_without_a_clean_id_is_refused(group: object) -> None:
    headers: dict[str, Any] = CHUNK | {"group": group}
    assert refused(a_message(**headers)).kind == "chunk"


@pytest.mark.parametrize("name", ["callbacks", "errbacks", "chain", "chord"])
def test_what_is_to_be_sent_after_a_task_fails_it(name: str) -> None:
    task = {"task": "pick_regno", "args": [], "kwargs": {}, "options": {}}
    failure = read(a_message([[[a_row()]], {}, {name: [task]}])).failure
    assert isinstance(failure, MalformedBody)
    assert "not supported" in failure.detail


@pytest.mark.parametrize("embed", [{}, None, {"callbacks": None, "chain": []}])
def test_a_task_that_nothing_follows_is_done(embed: object) -> None:
    assert read(a_message([[[a_row()]], {}, embed])).failure is None


def an_old_message(**fields: object) -> Message:
    message = a_message(json.dumps({"args": [], "kwargs": {}, **fields}).encode())
    message.headers = {}
    return message


def test_a_task_of_protocol_1_is_told_to_use_protocol_2() -> None:
    error = refused(an_old_message(task="pick_regno", id="1"))
    assert error.job is not None
    assert error.job.failure is not None
    assert "task_protocol" in error.job.failure.detail


@pytest.mark.parametrize("value", [v for v in UNCLEAN if not isinstance(v, bytes)], ids=repr)
@pytest.mark.parametrize("field", ["task", "id"])
def test_an_old_message_without_a_clean_task_or_id_is_refused(field: str, value: object) -> None:
    message = an_old_message(**{"task": "pick_regno", "id": "1", field: value})
    assert refused(message).job is None


@pytest.mark.parametrize("body", [b"", b"[", b"5", b"[" * 100_000, b"\xff"])
def test_a_message_that_is_no_task_at_all_is_refused(body: bytes) -> None:
    message = a_message(body)
    message.headers = {}
    assert refused(message).kind == "task"


@pytest.mark.parametrize("reply_to", ["\ud800", "a\nb", "", 5, None])
def test_a_reply_queue_that_is_no_clean_text_is_none(reply_to: object) -> None:
    message = a_message()
    message.properties = {"reply_to": reply_to}
    assert read(message).reply_to is None


def test_a_time_to_live_of_the_cache_has_a_ceiling() -> None:
    ticket = read(a_message(cache=f"{'0' * 32} 999999999999")).cache
    assert ticket is not None
    assert ticket.ttl_ms == MAX_TTL_MS


def test_a_ticket_for_the_cache_is_read_and_an_unreadable_one_left_out() -> None:
    ticket = CacheTicket("0" * 32, 500)
    assert read(a_message(cache=ticket.to_header())).cache == ticket
    assert read(a_message(cache=["no", "ticket"])).cache is None
    assert read(a_message()).cache is None


def test_expiry_is_unix_time_and_a_time_without_zone_is_utc() -> None:
    aware = read(a_message(expires="2026-01-01T03:00:00+03:00"))
    naive = read(a_message(expires="2026-01-01T00:00:00"))
    assert aware.expires_at == naive.expires_at == 1_767_225_600.0
    assert aware.expired(1_767_225_600.0)
    assert not aware.expired(1_767_225_599.9)
    assert not read(a_message()).expired(1e12)


CHUNK: dict[str, Any] = {"group": "array", "group_index": 1, "chunks": 2, "first_row": 710}


def test_a_chunk_stores_its_outcome_under_the_id_of_its_array() -> None:
    job = read(a_message(**CHUNK))
    assert job.chunk == ("array", 1, 2, 710)
    assert (job.task_id, job.result_id) == ("1", "array")
    whole = read(a_message())
    assert (whole.task_id, whole.result_id, whole.chunk) == ("1", "1", None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([[[a_row(), a_row(), a_row(time_check="now")]], {}, {}], "/712/time_check"),
        (
            [[[a_row(afts_regno_ai_char_scores=[1, "a"])]], {}, {}],
            "/710/afts_regno_ai_char_scores/1",
        ),
        ([[[a_row(), 5]], {}, {}], "/711"),
        ([[a_row(direction="north")], {}, {}], "/direction"),
        ([[1, 2], {}, {}], ""),
    ],
)
def test_a_wrong_field_of_a_chunk_is_named_by_its_row_in_the_array(body: Any, pointer: str) -> None:
    failure = read(a_message(body, **CHUNK)).failure
    assert isinstance(failure, InvalidField)
    assert failure.pointer == pointer


def test_a_chunk_that_cannot_be_placed_is_no_task() -> None:
    with pytest.raises(MessageRefused):
        read(a_message(**(CHUNK | {"group_index": 2})))


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("1700000000.2500", 1_700_000_000.25),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (5, None),
    ],
)
def test_when_it_was_published_is_known_where_its_sender_says(
    header: Any, moment: float | None
) -> None:
    assert read(a_message(published_at=header)).published_at == moment


def test_a_message_that_does_not_say_when_it_was_published_is_a_job_all_the_same() -> None:
    assert read(a_message()).published_at is None


def test_a_message_that_comes_for_the_first_time_is_above_suspicion() -> None:
    assert read(a_message()).redelivery is None
    assert read(a_message(queue="regno.async")).redelivery is None


def delivered(times: int) -> Message:
    """A message that a quorum queue had delivered so often before."""
    count: dict[str, Any] = {"x-delivery-count": times}
    return a_message(queue="regno.async", **count)


def test_each_further_delivery_has_a_name_of_its_own() -> None:
    again = a_message(redelivered=True)
    counted = delivered(1)
    names = {read(message).redelivery for message in (again, again, counted, counted)}
    assert None not in names
    assert len(names) == 4


def test_the_last_delivery_is_known_as_such() -> None:
    assert not read(delivered(DELIVERY_LIMIT - 1)).last_delivery
    assert read(delivered(DELIVERY_LIMIT)).last_delivery
