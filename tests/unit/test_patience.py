"""How long a request may expect to wait, by what its caller has said."""

import pytest

from api.server.admission import ALWAYS_ADMITTED, Admission, AdmissionLimits
from api.server.gate import Entrance, Gate
from api.server.messages import Environ
from api.server.patience import wait_asked_for

LONGEST = 30.0


@pytest.mark.parametrize(
    ("query", "prefer", "wait"),
    [
        ("", "", None),
        ("timeout=3", "", 1.5),
        ("a=b&timeout=0.5&c=d", "", 0.25),
        ("timeout=0", "", 0.0),
        ("timeout=31", "", LONGEST / 2),
        ("timeout=-1", "", None),
        ("timeout=x", "wait=4", None),
        ("mytimeout=3", "", None),
        ("", "wait=4", 2.0),
        ("", 'respond-async, Wait="4"', 2.0),
        ("", "wait=99", LONGEST / 2),
        ("timeout=1", "wait=4", 0.5),
        ("", "await=4", None),
    ],
)
def test_half_of_what_a_caller_says_is_for_waiting(
    query: str, prefer: str, wait: float | None
) -> None:
    assert wait_asked_for(query, prefer, LONGEST) == wait


def a_busy_lane(expected_wait: float) -> Admission:
    """Busy for a second without a break; at time 1 a new request may expect to wait so long."""
    lane = Admission(AdmissionLimits(1000, 1.0))
    in_hand = 100
    for _ in range(in_hand):
        assert lane.enter(0.0)
    answered = round(in_hand / (1 + expected_wait))
    for _ in range(answered):
        lane.leave()
    assert lane.in_flight > ALWAYS_ADMITTED
    return lane


def a_request(path: str, query: str = "") -> Environ:
    return {"REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": query}


@pytest.mark.parametrize(
    ("expected_wait", "query", "let_in"),
    [
        (0.5, "", True),
        (0.5, "timeout=0.6", False),
        (2.0, "", False),
        (2.0, "timeout=10", True),
    ],
)
def test_who_waits_longer_is_let_in_for_longer(
    expected_wait: float, query: str, let_in: bool
) -> None:
    lane = a_busy_lane(expected_wait)
    entrance = Entrance("/p", lane, False, LONGEST)
    gate = Gate({"/p": entrance}, lambda sent: sent or "made-up", lambda *_: None)
    post = f"POST /p?{query} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".encode()
    assert (gate.turn_away(post, 1.0) is None) is (let_in or expected_wait < 1)
    assert (gate.let_in(entrance, a_request("/p", query), 1.0) is not None) is let_in


def test_where_nobody_may_say_so_the_lanes_limit_holds() -> None:
    lane = a_busy_lane(2.0)
    entrance = Entrance("/p", lane, False)
    gate = Gate({"/p": entrance}, lambda sent: sent or "made-up", lambda *_: None)
    assert not gate.let_in(entrance, a_request("/p", "timeout=30"), 1.0)


@pytest.mark.parametrize(
    ("prefer", "later"),
    [
        ("respond-async", True),
        ("wait=3, Respond-Async", True),
        ("wait=3", False),
        ("do-not-respond-async", False),
        ("", False),
    ],
)
def test_who_prefers_to_be_answered_later_takes_a_place_of_that_lane(
    prefer: str, later: bool
) -> None:
    lanes = [Admission(AdmissionLimits(1, 1.0)) for _ in range(2)]
    entrance = Entrance("/p", lanes[0], False, LONGEST, lanes[1])
    gate = Gate({"/p": entrance}, str, lambda *_: None)
    place = gate.let_in(entrance, a_request("/p") | {"HTTP_PREFER": prefer}, 0.0)
    assert place is not None
    assert [lane.in_flight for lane in lanes] == ([0, 1] if later else [1, 0])
    place.leave()
    assert [lane.in_flight for lane in lanes] == [0, 0]
