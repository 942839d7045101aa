import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.cache import CACHE_HEADER, CacheTicket
from shared.messages import TaskMessage, task_message
from shared.queues import TASK_NAME, Lane
from shared.rows import RowReader
from tests.builders import a_row, api_settings

READER = RowReader(api_settings())
ROWS = READER.read_objects([a_row(), a_row(direction=1)])
NOON = datetime(2021, 8, 1, 12, tzinfo=UTC).timestamp()


def a_message(lane: Lane = Lane.SYNC, **options: Any) -> TaskMessage:
    defaults: dict[str, Any] = {"expires_at": NOON, "expires_in": 2.0, "request_id": "request"}
    return task_message(lane, "task", ROWS, **(defaults | options))


@pytest.mark.parametrize("lane", Lane)
def test_the_headers_are_those_that_a_celery_worker_needs(lane: Lane) -> None:
    assert a_message(lane).headers == {
        "lang": "py",
        "task": TASK_NAME,
        "id": "task",
        "root_id": "task",
        "argsrepr": "-",
        "kwargsrepr": "-",
        "expires": "2021-08-01T12:00:00+00:00",
        "published_at": f"{NOON - 2:.4f}",
        "request_id": "request",
    }


def test_the_body_is_that_of_celerys_second_protocol() -> None:
    args, kwargs, embed = json.loads(a_message().body)
    assert len(args) == 1
    assert kwargs == {}
    assert embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


def test_the_rows_travel_as_they_were_read() -> None:
    [[rows], _, _] = json.loads(a_message().body)
    assert rows == [a_row(), a_row(direction=1)]
    assert READER.read_objects(rows) == ROWS


def test_score_lists_given_as_strings_travel_as_arrays() -> None:
    rows = READER.read_objects([a_row(afts_regno_ai_char_scores="[0.1]")])
    message = task_message(
        Lane.SYNC, "task", rows, expires_at=NOON, expires_in=2.0, request_id="request"
    )
    [[[row]], _, _] = json.loads(message.body)
    assert row["afts_regno_ai_char_scores"] == [0.1]


def test_a_message_whose_result_is_to_be_kept_says_so() -> None:
    ticket = CacheTicket("0" * 32, 500)
    kept = a_message(cache=ticket)
    assert kept.headers == a_message().headers | {CACHE_HEADER: ticket.to_header()}
    assert kept.body == a_message().body


@pytest.mark.parametrize("lane", Lane)
def test_a_message_goes_to_the_queue_of_its_lane(lane: Lane) -> None:
    message = a_message(lane)
    assert message.queue == lane.value
    assert message.task_id == message.properties["correlation_id"] == "task"
    assert message.properties["content_type"] == "application/json"
    assert message.properties["content_encoding"] == "utf-8"


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [(2.0, "2000"), (0.25, "250"), (0.0004, "1"), (0.0, "1"), (-5.0, "1")],
)
def test_in_the_sync_lane_the_broker_drops_what_expired(seconds: float, milliseconds: str) -> None:
    assert a_message(Lane.SYNC, expires_in=seconds).properties["expiration"] == milliseconds


def test_in_the_async_lane_the_broker_drops_nothing() -> None:
    assert "expiration" not in a_message(Lane.ASYNC).properties


def test_only_async_messages_are_written_to_disk() -> None:
    assert a_message(Lane.ASYNC).properties["delivery_mode"] == 2
    assert a_message(Lane.SYNC).properties["delivery_mode"] == 1


def test_a_reply_channel_is_named_where_there_is_one() -> None:
    assert a_message(reply_to="regno.reply.x").properties["reply_to"] == "regno.reply.x"
    assert "reply_to" not in a_message().properties
