import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features import calendar
from shared.rows import is_date_and_time

VALID = [
    "2021-08-01T09:02:59",
    "2021-08-01 09:02:59",
    "2021-08-01T09:02",
    "2021-08-01 09:02",
    "2021-08-01T00:00:00",
    "2021-08-01T23:59:59",
    "2021-08-01T09:02:59.5",
    "2021-08-01T09:02:59,5",
    "2021-08-01T09:02:59.123",
    "2021-08-01 09:02:59.123456",
    "2021-08-01T09:02:59.123456789",
    "2021-08-01T09:02:59Z",
    "2021-08-01T09:02Z",
    "2021-08-01T09:02:59.123Z",
    "2021-08-01T09:02:59+03:00",
    "2021-08-01 09:02:59-03:00",
    "2021-08-01T09:02:59+0300",
    "2021-08-01T09:02:59+03",
    "2021-08-01T09:02+03",
    "2021-08-01T09:02:59+23:59",
    "2021-08-01T09:02:59.123456+05:30",
    "2024-02-29T00:00",
    "0001-01-01T00:00+23:59",
    "9999-12-31T23:59:59.999999",
]

INVALID = [
    "",
    " ",
    "now",
    "2021-08-01",
    "20210801",
    "20210801T090259",
    "2021-08-01T",
    "2021-08-01T09",
    "2021-08-01T0902",
    "2021-08-01t09:02:59",
    "2021-08-01_09:02:59",
    "2021-08-01  09:02:59",
    "2021-08-01T09:02:59z",
    "2021-08-01T9:02:59",
    "2021-8-1T09:02:59",
    "21-08-01T09:02:59",
    "12021-08-01T09:02:59",
    "+2021-08-01T09:02:59",
    "2021-08-01T09:02:",
    "2021-08-01T09:02:5",
    "2021-08-01T09:02:59.",
    "2021-08-01T09:02:59.1234567890",
    "2021-08-01T09:02.5",
    "2021-08-01T25:00:00",
    "2021-08-01T24:00:00",
    "2021-08-01T09:60:00",
    "2021-08-01T09:02:60",
    "2021-00-01T09:02:59",
    "2021-13-01T09:02:59",
    "2021-08-00T09:02:59",
    "2021-08-32T09:02:59",
    "2021-02-30T09:02:59",
    "2021-02-29T09:02:59",
    "2021-04-31T09:02:59",
    "0000-01-01T00:00:00",
    "2021-W30-7T09:02:59",
    "2021W307T09:02:59",
    "2021-213T09:02:59",
    "2021-08-01T09:02:59+24:00",
    "2021-08-01T09:02:59-24",
    "2021-08-01T09:02:59+99:99",
    "2021-08-01T09:02:59+03:60",
    "2021-08-01T09:02:59+0360",
    "2021-08-01T09:02:59+3",
    "2021-08-01T09:02:59+03:",
    "2021-08-01T09:02:59+03:00:00",
    "2021-08-01T09:02:59 +03:00",
    "2021-08-01T09:02:59Z+03:00",
    "2021-08-01T09:02:59\n",
    "\n2021-08-01T09:02:59",
    " 2021-08-01T09:02:59",
    "2021-08-01T09:02:59 ",
    "2021-08-01T09:02:59\x00",
    "2021-08-01T09:02:59 UTC",
    "٢٠٢١-08-01T09:02:59",
    "2021-08-01T０９:02:59",
    "2021\u201108\u201101T09:02:59",
    "01.08.2021 09:02:59",
    "2021/08/01 09:02:59",
    "1627808579",
]


@pytest.mark.parametrize("text", VALID)
def test_a_date_and_time_is_accepted(text: str) -> None:
    assert is_date_and_time(text)


@pytest.mark.parametrize("text", INVALID)
def test_anything_else_is_refused(text: str) -> None:
    assert not is_date_and_time(text)


@pytest.mark.parametrize("text", VALID)
def test_what_is_accepted_has_an_hour_a_weekday_and_a_month(text: str) -> None:
    hour, weekday, month = calendar(text)
    assert hour == int(text[11:13])
    assert weekday.endswith("day")
    assert month


@given(
    st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(Z|\+[0-9]{2}:?[0-9]{2})?\Z")
)
def test_the_worker_can_read_whatever_is_accepted(text: str) -> None:
    if is_date_and_time(text):
        assert 0 <= calendar(text)[0] <= 23


@given(st.datetimes(timezones=st.none() | st.timezones()))
def test_every_moment_that_python_writes_is_accepted(moment: object) -> None:
    # Offsets of the distant past have seconds, which ISO 8601 has not.
    text = str(moment)
    if text.count(":") < 4:
        assert is_date_and_time(text)
