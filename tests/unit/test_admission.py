"""Admission by a clock of the test's own: no sockets, no sleeping."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from api.server.admission import ALWAYS_ADMITTED, Admission, AdmissionLimits

BOUND = 512
WAIT = 1.0


class Lane:
    """Requests that arrive and are answered at given rates, by a clock of its own."""

    def __init__(self, bound: int = BOUND, wait: float = WAIT) -> None:
        self.admission = Admission(AdmissionLimits(bound, wait))
        self.now = 1000.0
        self._arrivals = 0.0
        self._answers = 0.0

    def enter(self, count: int) -> int:
        """How many of them were let in."""
        return sum(self.admission.enter(self.now) for _ in range(count))

    def leave(self, count: int) -> None:
        for _ in range(min(count, self.admission.in_flight)):
            self.admission.leave()

    def run(self, seconds: float, offered: float, answered: float) -> list[bool]:
        """Both a second; who was let in. Answers come a batch at a time, every 20 ms."""
        let_in: list[bool] = []
        for tick in range(int(seconds * 1000)):
            self.now += 0.001
            self._arrivals += offered / 1000
            self._answers += answered / 1000
            if tick % 20 == 0:
                self.leave(int(self._answers))
                self._answers %= 1
            while self._arrivals >= 1:
                self._arrivals -= 1
                let_in.append(self.admission.enter(self.now))
        return let_in


def test_all_are_let_in_where_answers_keep_up() -> None:
    assert all(Lane().run(10, offered=1000, answered=1100))


def test_a_slow_worker_is_given_what_it_can_answer_in_time() -> None:
    lane = Lane()
    lane.run(5, offered=1000, answered=100)
    assert lane.admission.in_flight <= 100 * WAIT * 1.5
    let_in = lane.run(5, offered=1000, answered=100)
    assert 400 <= sum(let_in) <= 600  # and all of that, too
    assert lane.admission.in_flight <= 100 * WAIT * 1.5


def test_a_worker_that_stalls_is_noticed_within_the_wait() -> None:
    lane = Lane()
    lane.run(5, offered=500, answered=250)
    stalled = lane.run(3, offered=500, answered=0)
    assert not any(stalled[int(500 * (WAIT + 0.3)) :])
    assert lane.admission.in_flight <= BOUND


def test_a_pause_shorter_than_the_wait_turns_nobody_away() -> None:
    lane = Lane()
    lane.run(5, offered=200, answered=250)
    assert all(lane.run(WAIT * 0.8, offered=200, answered=0))


def test_a_handful_that_left_before_a_pause_does_not_stand_for_all() -> None:
    lane = Lane()
    lane.enter(ALWAYS_ADMITTED + 4)
    lane.leave(4)
    lane.now += 0.3
    assert lane.enter(20) == 20


def test_a_worker_that_recovers_is_given_everything_again() -> None:
    lane = Lane()
    lane.run(5, offered=500, answered=0)
    lane.run(2, offered=500, answered=1000)
    assert all(lane.run(5, offered=500, answered=1000))


def test_a_burst_after_idling_is_let_in_up_to_the_bound() -> None:
    lane = Lane()
    lane.run(5, offered=1000, answered=50)  # what was slow then says nothing of now
    lane.leave(BOUND)
    lane.now += 60
    assert lane.enter(BOUND + 100) == BOUND


def test_the_first_batch_after_a_burst_stands_for_a_batch_and_not_for_one() -> None:
    lane = Lane()
    lane.enter(400)
    lane.now += 0.3
    lane.leave(128)  # 427 a second: 272 in hand are done in 0.64 s
    assert lane.enter(100) == 100


def test_those_who_leave_with_an_error_count_too() -> None:
    # Else whoever sends what is refused at once could have everybody else turned away.
    lane = Lane()
    lane.enter(100)
    for _ in range(100):
        lane.now += 0.01
        lane.leave(10)
        assert lane.enter(10) == 10


def test_a_few_are_always_let_in() -> None:
    lane = Lane()
    lane.run(10, offered=500, answered=0)
    lane.leave(BOUND)
    assert lane.enter(ALWAYS_ADMITTED) == ALWAYS_ADMITTED


def test_a_bound_below_those_few_is_a_bound() -> None:
    assert Lane(bound=4).enter(10) == 4


@given(
    st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=400),
    st.integers(ALWAYS_ADMITTED, 40),
    st.floats(0.0005, 15),
)
def test_never_more_than_the_bound_and_never_fewer_than_the_few(
    steps: list[tuple[float, bool]], bound: int, wait: float
) -> None:
    admission = Admission(AdmissionLimits(bound, wait))
    now = 0.0
    inside: deque[float] = deque()
    for pause, arrives in steps:
        now += pause
        if not arrives:
            if inside:
                inside.popleft()
                admission.leave()
        elif admission.enter(now):
            inside.append(now)
        else:
            assert len(inside) >= ALWAYS_ADMITTED
        assert admission.in_flight == len(inside) <= bound
