import math
from collections import deque
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.batching import Arrivals, BatchLimits, seconds_until_due, take_batch

LIMITS = BatchLimits(rows=8, wait=0.25)


class Item(NamedTuple):
    """Something that takes up room, with a name to tell it by."""

    name: str
    size: int = 1

    @property
    def rows(self) -> range:
        return range(self.size)


def line(prefix: str, *sizes: int) -> deque[Item]:
    return deque(Item(f"{prefix}{n}", size) for n, size in enumerate(sizes))


def names(items: list[Item]) -> str:
    return " ".join(item.name for item in items)


@pytest.mark.parametrize("rows", [8, 9, 1000])
def test_a_full_batch_is_due_however_young(rows: int) -> None:
    assert seconds_until_due(rows, oldest_at=100, now=100, gap=0, limits=LIMITS) == 0


@pytest.mark.parametrize("now", [100.25, 100.5, 1000.0])
def test_an_old_batch_is_due_however_small(now: float) -> None:
    assert seconds_until_due(1, oldest_at=100, now=now, gap=0, limits=LIMITS) == 0


def test_a_young_batch_has_the_rest_of_its_wait() -> None:
    assert seconds_until_due(7, oldest_at=100, now=100, gap=0.25, limits=LIMITS) == 0.25
    assert seconds_until_due(7, oldest_at=100, now=100.125, gap=0.25, limits=LIMITS) == 0.125


def test_without_a_wait_everything_is_due() -> None:
    assert seconds_until_due(1, 100, 100, 0.001, BatchLimits(rows=8, wait=0)) == 0


def test_where_no_company_is_expected_within_the_wait_nobody_waits_for_it() -> None:
    assert seconds_until_due(1, oldest_at=100, now=100, gap=0.26, limits=LIMITS) == 0


def arrivals_at(*instants: float) -> Arrivals:
    arrivals = Arrivals()
    for instant in instants:
        arrivals.add(instant)
    return arrivals


@pytest.mark.parametrize("count", range(5))
def test_the_first_messages_of_all_count_as_alone(count: int) -> None:
    assert arrivals_at(*range(count)).gap() == math.inf


def test_the_gap_is_that_of_the_latest_messages() -> None:
    assert arrivals_at(0, 50, 100, 101, 102, 103, 104).gap() == 1


def test_after_a_silence_a_message_counts_as_alone() -> None:
    assert arrivals_at(1, 2, 3, 4, 5, 405).gap() > 100


def test_messages_that_came_while_a_batch_was_predicted_are_not_alone() -> None:
    arrivals = arrivals_at(0, 0, 0, 0, 0)
    for now in range(10, 100, 10):  # ten seconds for each, and the next has been waiting
        arrivals.worked_until(now)
        arrivals.add(now)
    assert arrivals.gap() == 0


def test_items_are_taken_in_the_order_they_came() -> None:
    first = line("s", 1, 1, 1)
    assert names(take_batch(first, deque(), 8)) == "s0 s1 s2"
    assert not first


def test_what_does_not_fit_stays() -> None:
    first = line("s", *[1] * 10)
    assert names(take_batch(first, deque(), 8)) == "s0 s1 s2 s3 s4 s5 s6 s7"
    assert names(list(first)) == "s8 s9"


def test_the_second_line_is_sure_of_a_quarter() -> None:
    batch = take_batch(line("s", *[1] * 20), line("a", *[1] * 20), 8)
    assert names(batch) == "s0 s1 s2 s3 s4 s5 a0 a1"


def test_what_the_first_line_leaves_the_second_may_use() -> None:
    assert names(take_batch(line("s", 1), line("a", *[1] * 20), 8)) == "s0 a0 a1 a2 a3 a4 a5 a6"


def test_what_the_second_line_leaves_the_first_may_use() -> None:
    batch = take_batch(line("s", *[1] * 20), line("a", 1), 8)
    assert sorted(names(batch).split()) == ["a0", "s0", "s1", "s2", "s3", "s4", "s5", "s6"]
    assert [item.name for item in batch if item.name[0] == "s"] == [f"s{n}" for n in range(7)]


@pytest.mark.parametrize("where", ["first", "second"])
def test_an_item_larger_than_a_batch_is_taken_alone(where: str) -> None:
    large, empty = line("x", 1000, 1), line("y")
    batch = take_batch(large, empty, 8) if where == "first" else take_batch(empty, large, 8)
    assert names(batch) == "x0"
    assert names(list(large)) == "x1"


def test_an_item_without_rows_takes_up_room_too() -> None:
    first = line("s", *[0] * 10)
    assert len(take_batch(first, deque(), 8)) == 8


@pytest.mark.parametrize("max_rows", [4, 8, 128])
def test_neither_line_starves_the_other(max_rows: int) -> None:
    first, second = line("s", *[1] * 1000), line("a", *[1] * 1000)
    for _ in range(3):
        batch = names(take_batch(first, second, max_rows))
        assert "s" in batch
        assert "a" in batch


sizes = st.lists(st.integers(0, 12), max_size=30)


@given(sizes, sizes, st.integers(1, 20))
def test_batches_lose_nothing_double_nothing_and_keep_the_order_of_each_line(
    first_sizes: list[int], second_sizes: list[int], max_rows: int
) -> None:
    first, second = line("s", *first_sizes), line("a", *second_sizes)
    before = [*first], [*second]
    taken: list[Item] = []
    while first or second:
        batch = take_batch(first, second, max_rows)
        assert batch
        taken += batch
    assert [item for item in taken if item.name[0] == "s"] == before[0]
    assert [item for item in taken if item.name[0] == "a"] == before[1]


@given(sizes, sizes, st.integers(1, 20))
def test_a_batch_stands_out_over_its_limit_by_one_item_a_line(
    first_sizes: list[int], second_sizes: list[int], max_rows: int
) -> None:
    batch = take_batch(line("s", *first_sizes), line("a", *second_sizes), max_rows)
    room = sum(max(1, item.size) for item in batch)
    largest = sorted((max(1, item.size) for item in batch), reverse=True)[:2]
    assert room < max_rows + sum(largest)


@given(sizes, sizes, st.integers(1, 20))
def test_a_batch_is_full_unless_nothing_waits(
    first_sizes: list[int], second_sizes: list[int], max_rows: int
) -> None:
    first, second = line("s", *first_sizes), line("a", *second_sizes)
    batch = take_batch(first, second, max_rows)
    if first or second:
        assert sum(max(1, item.size) for item in batch) >= max_rows
