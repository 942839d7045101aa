"""Which suspect goes next, how long it waits, and when it is given up."""

import pytest

from worker.suspects import (
    CALM_SECONDS,
    MOST_BEGINNINGS,
    is_poison,
    most_innocent,
    seconds_until_calm,
)


def test_chance_may_kill_a_worker_twice_and_no_more() -> None:
    assert [is_poison(begun) for begun in range(5)] == [False, False, False, True, True]
    assert MOST_BEGINNINGS == 3


@pytest.mark.parametrize(
    ("beginnings", "place"),
    [([0], 0), ([2, 1, 0], 2), ([1, 0, 0], 1), ([1, 1], 0), ([3, 2, 2], 1)],
)
def test_the_fewest_beginnings_go_first_and_then_whoever_came_first(
    beginnings: list[int], place: int
) -> None:
    assert most_innocent(beginnings) == place


def test_a_suspect_that_never_began_waits_for_nobody() -> None:
    assert seconds_until_calm(0, newest_at=100.0, now=100.0) == 0.0


@pytest.mark.parametrize("begun", [1, 2, 3])
def test_a_suspect_that_began_waits_until_none_has_come_for_a_while(begun: int) -> None:
    assert seconds_until_calm(begun, newest_at=100.0, now=100.0) == pytest.approx(CALM_SECONDS)
    assert seconds_until_calm(begun, newest_at=100.0, now=101.0) == 0.0
