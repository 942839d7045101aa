"""W3C trace context: what is taken, and what is passed on. https://www.w3.org/TR/trace-context/"""

import pytest

from shared.trace_context import TraceContext, read_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("02", False)]
)
def test_a_parent_is_read_and_passed_on_as_it_was(flags: str, sampled: bool) -> None:
    parent = f"00-{TRACE}-{SPAN}-{flags}"
    trace = read_trace(parent)
    assert trace == TraceContext(TRACE, SPAN, int(flags, 16))
    assert trace.sampled is sampled
    assert trace.to_headers() == {"traceparent": parent}


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    trace = read_trace(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like")
    assert trace is not None
    assert trace.to_headers() == {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        5,
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_no_parent_counts_as_none(parent: object) -> None:
    assert read_trace(parent) is None


def test_the_state_is_passed_on_unread() -> None:
    trace = read_trace(f"00-{TRACE}-{SPAN}-01", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
    assert trace is not None
    assert trace.to_headers()["tracestate"] == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"


@pytest.mark.parametrize("state", [None, "", "x" * 513, "a=\x00", "a=ж", 5])
def test_a_state_that_nobody_could_read_is_dropped_and_the_parent_kept(state: object) -> None:
    trace = read_trace(f"00-{TRACE}-{SPAN}-01", state)
    assert trace == TraceContext(TRACE, SPAN, 1)
    assert list(trace.to_headers()) == ["traceparent"]
