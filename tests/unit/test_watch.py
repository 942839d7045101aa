"""When a worker counts as stuck."""

from collections.abc import Callable

import pytest

from shared.queues import Lane
from worker.lanes_seen import LaneSeen
from worker.watch import Patience, Signs, Watch

PATIENCE = Patience(still=60, quiet=10)
SERVED = dict.fromkeys(Lane, LaneSeen(ready=0))
GONE = SERVED | {Lane.SYNC: LaneSeen(ready=0, exists=False)}
BACKLOG = SERVED | {Lane.ASYNC: LaneSeen(ready=7)}
BUSY = dict.fromkeys(Lane, LaneSeen(ready=500))
STILL = "The event loop does not turn"
NOTHING_OF_SYNC = "Nothing comes from regno.sync"
NOTHING_OF_ASYNC = "Nothing comes from regno.async"


class Worker:
    """A worker as its watch sees it, second by second."""

    def __init__(self) -> None:
        self.signs = Signs()
        self.watch = Watch(self.signs, PATIENCE)
        self.seen: dict[Lane, LaneSeen] | None = SERVED

    def second(self) -> str | None:
        """A second passes; what the watch makes of it."""
        return self.watch.verdict(self.seen) if self.watch.pass_time(1.0) else None

    def hangs(self, seconds: int) -> list[str]:
        """The verdicts while nothing happens."""
        verdicts = [self.second() for _ in range(seconds)]
        return [verdict for verdict in verdicts if verdict]

    def turns(self, seconds: int, *taken: Lane) -> list[str]:
        """The verdicts while the loop turns, and takes and answers these messages each time."""
        verdicts = []
        for _ in range(seconds):
            for lane in taken:
                self.signs.took(lane)
                self.signs.gave_back(lane)
            self.signs.turned(Lane)
            verdicts.append(self.second())
        return [verdict for verdict in verdicts if verdict]


def test_a_loop_that_does_not_turn_is_stuck_after_its_time_and_a_second_look() -> None:
    worker = Worker()
    assert worker.hangs(69) == []
    assert worker.second() == STILL


@pytest.mark.parametrize("sign", [lambda signs: signs.turned(Lane), Signs.began_batch])
def test_a_loop_that_goes_on_now_and_then_is_not_stuck(sign: Callable[[Signs], None]) -> None:
    worker = Worker()
    for _ in range(10):
        assert worker.hangs(59) == []
        sign(worker.signs)


def test_a_loop_that_waits_for_a_broker_that_is_away_is_not_stuck() -> None:
    worker = Worker()
    worker.seen = None
    assert worker.hangs(3600) == []


def test_a_worker_has_time_to_connect_when_the_broker_is_back() -> None:
    worker = Worker()
    worker.seen = None
    worker.hangs(600)
    worker.seen = GONE
    assert worker.hangs(9) == []
    worker.signs.turned(Lane)
    assert worker.turns(9, *Lane) == []


def test_a_worker_that_does_not_connect_though_the_broker_is_back_is_stuck() -> None:
    worker = Worker()
    worker.seen = None
    worker.hangs(600)
    worker.seen = GONE
    assert STILL in worker.hangs(20)


def test_a_worker_whose_process_was_stopped_has_time_to_go_on() -> None:
    worker = Worker()
    assert worker.watch.pass_time(3600)
    assert worker.watch.verdict(SERVED) is None
    assert worker.hangs(9) == []
    assert worker.turns(60) == []


def test_an_idle_worker_is_not_stuck() -> None:
    assert Worker().turns(3600) == []


@pytest.mark.parametrize(
    ("seen", "verdict"), [(GONE, NOTHING_OF_SYNC), (BACKLOG, NOTHING_OF_ASYNC)]
)
def test_a_lane_that_nothing_comes_of_is_lost_if_two_looks_say_so(
    seen: dict[Lane, LaneSeen], verdict: str
) -> None:
    worker = Worker()
    worker.seen = seen
    assert worker.turns(19) == []
    assert worker.turns(1) == [verdict]


def test_a_lost_lane_is_found_while_the_other_is_busy() -> None:
    worker = Worker()
    worker.seen = BUSY
    assert worker.turns(20, Lane.ASYNC) == [NOTHING_OF_SYNC]


def test_one_look_that_finds_a_message_under_way_means_nothing() -> None:
    worker = Worker()
    for seen in (BACKLOG, SERVED, BACKLOG, None, BACKLOG, SERVED):
        worker.seen = seen
        assert worker.turns(10) == []


def test_a_worker_that_takes_messages_is_not_stuck_however_many_wait() -> None:
    worker = Worker()
    worker.seen = BUSY
    assert worker.turns(3600, *Lane) == []


def test_a_worker_with_messages_in_hand_that_it_cannot_store_is_not_stuck() -> None:
    worker = Worker()
    worker.seen = BUSY
    for lane in Lane:
        worker.signs.took(lane)
    assert worker.turns(3600) == []


def test_what_went_with_its_connection_is_not_in_hand() -> None:
    worker = Worker()
    worker.seen = BACKLOG
    worker.signs.took(Lane.ASYNC)
    worker.turns(5)
    worker.signs.dropped_all()
    assert worker.turns(20) == [NOTHING_OF_ASYNC]


def test_batch_after_batch_is_no_turn_so_that_nothing_could_have_come() -> None:
    worker = Worker()
    worker.seen = BUSY
    for _ in range(600):
        worker.signs.began_batch()
        assert worker.second() is None
