"""Splitting a large array, and what its chunks say of themselves."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dispatch.chunks import split, when_all
from shared.errors import BrokerUnavailable
from shared.messages import Chunk, chunk_of, task_message
from shared.queues import Lane
from shared.rows import Row
from tests.builders import a_reading

ROW = a_reading()
REFUSED = BrokerUnavailable("The queue is full")


def numbered(count: int) -> list[Row]:
    """Stand-ins for rows, each told from the others."""
    return cast("list[Row]", list(range(count)))


def a_chunk_message(chunk: Chunk | None) -> dict[str, Any]:
    message = task_message(
        Lane.ASYNC,
        "chunk",
        [ROW],
        expires_at=1_767_225_600.5,
        expires_in=2.0,
        request_id="request",
        chunk=chunk,
    )
    return message.headers


@pytest.mark.parametrize("count", [1, 2, 249, 250])
def test_what_is_small_enough_is_one_task_like_any_other(count: int) -> None:
    rows = numbered(count)
    assert split("task", rows, 250) == [("task", rows, None)]


def test_chunks_are_of_one_size_rather_than_all_but_the_last_full() -> None:
    assert [len(part.rows) for part in split("task", numbered(501), 250)] == [167, 167, 167]
    assert [len(part.rows) for part in split("task", numbered(1000), 250)] == [250] * 4


@given(st.integers(1, 3000), st.integers(1, 1500))
def test_split_rows_are_the_rows_in_order_and_sizes_are_even(count: int, most: int) -> None:
    rows = numbered(count)
    parts = split("task", rows, most)
    assert [row for part in parts for row in part.rows] == rows
    sizes = [len(part.rows) for part in parts]
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-count // most)


@given(st.integers(2, 3000), st.integers(1, 1500))
def test_each_chunk_knows_its_place_and_has_an_id_of_its_own(count: int, most: int) -> None:
    parts = split("task", numbered(count + most), most)
    for place, (_, rows, chunk) in enumerate(parts):
        assert chunk == Chunk("task", place, len(parts), cast("int", rows[0]))
    assert len({part.task_id for part in parts} | {"task"}) == len(parts) + 1


@pytest.mark.parametrize("chunk", [None, Chunk("array", 0, 2, 0), Chunk("array", 3, 4, 712)])
def test_what_the_headers_say_of_a_chunk_is_read_back(chunk: Chunk | None) -> None:
    assert chunk_of(a_chunk_message(chunk)) == chunk


def test_a_chunk_goes_by_celerys_names_for_a_task_of_a_group() -> None:
    added = a_chunk_message(Chunk("array", 1, 2, 5)).items() - a_chunk_message(None).items()
    assert dict(added) == {
        "root_id": "array",
        "parent_id": "array",
        "group": "array",
        "group_index": 1,
        "chunks": 2,
        "first_row": 5,
    }


def test_a_task_of_a_plain_celery_group_is_no_chunk() -> None:
    assert chunk_of({"id": "task", "group": "group", "group_index": 0}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"group_index": 2},
        {"group_index": -1},
        {"group_index": None},
        {"group_index": "first"},
        {"first_row": 0},
        {"first_row": ...},
        {"group": ...},
        {"chunks": 0},
    ],
    ids=str,
)
def test_headers_that_contradict_themselves_are_no_chunk(wrong: dict[str, Any]) -> None:
    headers = a_chunk_message(Chunk("array", 1, 2, 5)) | wrong
    headers = {name: value for name, value in headers.items() if value is not ...}
    with pytest.raises((KeyError, TypeError, ValueError)):
        chunk_of(headers)


def test_all_is_well_once_every_message_is_confirmed() -> None:
    told: list[BrokerUnavailable | None] = []
    confirmed = when_all(3, told.append)
    confirmed(None)
    confirmed(None)
    assert told == []
    confirmed(None)
    assert told == [None]


def test_a_refusal_is_told_at_once_and_never_turns_into_success() -> None:
    told: list[BrokerUnavailable | None] = []
    confirmed = when_all(3, told.append)
    for error in (None, REFUSED, None):
        confirmed(error)
    assert told == [REFUSED]
