import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.timeouts import Wish, read_wish, seconds_parameter
from shared.errors import InvalidParameter


def a_request(query: str = "", *preferences: str) -> Request:
    headers = [("Prefer", preference) for preference in preferences]
    return Request(EnvironBuilder(query_string=query, headers=headers).get_environ())


def wish(query: str = "", *preferences: str) -> Wish:
    return read_wish(a_request(query, *preferences), default=2.0, longest=30.0)


def test_who_does_not_say_waits_the_default() -> None:
    assert wish() == Wish(2.0, respond_async=False, applied="")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0.25", 0.25), ("5", 5), ("1e-3", 0.001), ("2.5E%2B1", 25), ("30", 30)],
)
def test_a_parameter_says_how_long(text: str, seconds: float) -> None:
    assert wish(f"timeout={text}") == Wish(seconds, respond_async=False, applied="")


@pytest.mark.parametrize(
    "text",
    ["", "-1", "-0.5", "30.001", "31", "1e9", "1e999", "9" * 5000, "nan", "inf", "Infinity", "ten",
     "1_0", "1,5", "5s", "%2B5", "%205", "5%0A", "0x5", "٣", ".5", "5.", "true"],
)  # fmt: skip
def test_a_parameter_that_cannot_be_kept_is_an_error(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        wish(f"timeout={text}")
    assert caught.value.parameter == "timeout"
    assert caught.value.detail == "Expected seconds from 0 to 30"


def test_the_parameter_of_another_call_has_its_own_name() -> None:
    assert seconds_parameter(a_request("wait=5"), "wait", 0.0, 30.0) == 5
    assert seconds_parameter(a_request("timeout=5"), "wait", 0.0, 30.0) == 0
    with pytest.raises(InvalidParameter) as caught:
        seconds_parameter(a_request("wait=x"), "wait", 0.0, 30.0)
    assert caught.value.parameter == "wait"


@pytest.mark.parametrize(
    ("preference", "seconds"),
    [("wait=5", 5), ('wait="5"', 5), ("WAIT=5", 5), (" wait=5 ", 5), ("wait=0", 0),
     ("foo, wait=5", 5), ("wait=5, wait=7", 5)],
)  # fmt: skip
def test_a_preferred_wait_is_applied_and_said(preference: str, seconds: float) -> None:
    assert wish("", preference) == Wish(seconds, False, f"wait={seconds:g}")


@pytest.mark.parametrize("preference", ["wait=31", "wait=999999999"])
def test_a_preferred_wait_is_cut_to_the_longest(preference: str) -> None:
    assert wish("", preference) == Wish(30.0, False, "wait=30")


@pytest.mark.parametrize(
    "preference",
    ["", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", 'wait="5', "wait=5x", "wait=5\u0663",
     "await=5", "wait=9999999999", ",,,", "return=minimal"],
)  # fmt: skip
def test_a_preference_that_cannot_be_read_is_ignored(preference: str) -> None:
    assert wish("", preference) == Wish(2.0, respond_async=False, applied="")


def test_a_parameter_goes_before_a_preference() -> None:
    assert wish("timeout=1", "wait=5") == Wish(1.0, respond_async=False, applied="")


@pytest.mark.parametrize("preference", ["respond-async", "Respond-Async", "foo,respond-async"])
def test_an_answer_later_may_be_preferred(preference: str) -> None:
    assert wish("", preference) == Wish(2.0, respond_async=True, applied="respond-async")


@pytest.mark.parametrize(
    "preferences",
    [("respond-async, wait=5",), ("wait=5,respond-async",), ("respond-async", "wait=5")],
)
def test_preferences_may_be_combined(preferences: tuple[str, ...]) -> None:
    assert wish("", *preferences) == Wish(5.0, True, "respond-async, wait=5")
