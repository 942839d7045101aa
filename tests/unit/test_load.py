"""The load generator: what it sends, what it reads, and what it counts."""

import json
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from ops.load.__main__ import check_url, within
from ops.load.connection import LOST, Reply, parse_reply
from ops.load.payloads import bodies, get_request, requests, rows_from_csv, synthesised_rows
from ops.load.record import Ended, Latencies, Record
from ops.load.schedule import Phase, Schedule
from shared.rows import RowReader
from tests.builders import a_row, api_settings

REPLY = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-Length: 5\r\n\r\nhello"


def an_end(
    status: int = 200, *, right: bool = True, latency: float = 0.001, retry_after: bool = False
) -> Ended:
    return Ended(Reply(status, b"", retry_after), right, 0.0, latency)


@pytest.mark.parametrize("cut", range(len(REPLY)))
def test_a_reply_is_not_taken_before_all_of_it_is_here(cut: int) -> None:
    assert parse_reply(REPLY[:cut]) is None


def test_a_reply_is_its_status_and_its_body() -> None:
    assert parse_reply(REPLY) == Reply(200, b"hello")
    assert parse_reply(b"HTTP/1.1 503 Nope\r\nContent-Length: 0\r\n\r\n") == Reply(503, b"")


def test_a_refusal_that_says_when_to_come_again_is_seen() -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nretry-After: 1\r\nContent-Length: 0\r\n\r\n"
    assert parse_reply(refusal) == Reply(503, b"", retry_after=True)


def test_requests_are_whole_and_name_the_length_of_their_body() -> None:
    (made,) = requests("http://127.0.0.1:5000", "/v1/predict", "key", ["А".encode()])
    head, body = made.split(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n")
    assert b"x-api-key: key" in head
    assert b"Content-Length: 2" in head
    assert body == "А".encode()
    assert get_request("http://h:1", "/livez", "key").endswith(b"\r\n\r\n")


def test_synthesised_rows_are_rows_the_service_takes() -> None:
    rows = synthesised_rows(seed=1, count=20)
    assert rows == synthesised_rows(seed=1, count=20)
    reader = RowReader(api_settings())
    assert len(reader.read_json(bodies(rows, 20)[0])[0]) == 20


def test_rows_of_a_csv_are_rows_the_service_takes(tmp_path: Path) -> None:
    row = a_row(recognition_accuracy=None)
    row["afts_regno_ai_char_scores"] = json.dumps(row["afts_regno_ai_char_scores"])
    row["afts_regno_ai_length_scores"] = json.dumps(row["afts_regno_ai_length_scores"])
    path = tmp_path / "rows.csv"
    cells = [
        '"' + str(value).replace('"', '""') + '"' if value is not None else ""
        for value in row.values()
    ]
    path.write_text(",".join(row) + "\n" + ",".join(cells) + "\n", encoding="utf-8")
    assert rows_from_csv(path) == [row]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("plate\nА\n".encode("cp1251"), "not in UTF-8"),
        (b"", "has no rows"),
        (b"plate\n", "has no rows"),
        (b"direction\nx\n", "Expecting value"),
    ],
    ids=["cp1251", "empty", "a header alone", "no number"],
)
def test_a_csv_that_cannot_be_sent_is_said(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        rows_from_csv(path)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("plate\nA\n", encoding="utf-8-sig")
    assert rows_from_csv(path) == [{"plate": "A"}]


@pytest.mark.parametrize("url", ["https://a", "a:5000", "http://", "ftp://a"])
def test_what_is_no_plain_http_is_not_sent_to(url: str) -> None:
    with pytest.raises(ValueError, match="expected http://"):
        check_url(url)


def test_a_request_of_one_row_is_an_object_and_of_more_an_array_of_so_many() -> None:
    rows = [a_row(direction=n) for n in range(3)]
    assert [json.loads(body)["direction"] for body in bodies(rows, 1)] == [0, 1, 2]
    arrays = [json.loads(body) for body in bodies(rows, 2)]
    assert [[row["direction"] for row in array] for array in arrays] == [[0, 1], [2, 0], [1, 2]]


def test_latency_is_that_of_good_answers_and_the_rest_are_errors() -> None:
    record = Record()
    for _ in range(99):
        record.add(an_end(latency=0.010))
    record.add(an_end(latency=0.500))
    record.add(an_end(503))
    record.add(an_end(right=False))
    figures = record.summary(2.0)
    assert (record.total, record.good, record.errors, record.wrong) == (102, 100, 2, 1)
    assert figures["good_per_second"] == 50.0
    assert figures["latency_ms"]["p50"] == pytest.approx(10, rel=0.01)
    assert figures["latency_ms"]["p99.9"] == pytest.approx(500, rel=0.01)
    assert figures["statuses"] == {"200": 101, "503": 1}


@given(st.lists(st.floats(0.0, 200.0), min_size=1))
def test_percentiles_are_those_of_an_hdr_histogram(seconds: list[float]) -> None:
    histogram, latencies = HdrHistogram(1, 120_000_000, 3), Latencies()
    for value in seconds:
        histogram.record_value(min(max(1, int(value * 1e6)), 120_000_000))
        latencies.add(value)
    for percentile in (0.0, 50.0, 99.9, 100.0):
        expected = histogram.get_value_at_percentile(percentile) / 1000
        assert latencies.milliseconds(percentile) == expected
    assert latencies.summary()["max"] == round(histogram.get_max_value() / 1000, 3)


def test_refusals_have_a_histogram_of_their_own() -> None:
    record = Record()
    record.add(an_end(503, latency=0.020, retry_after=True))
    record.add(an_end(503, latency=0.020))
    refused = record.summary(1.0)["refused"]
    assert (refused["count"], refused["with_retry_after"]) == (2, 1)
    assert refused["latency_ms"]["p99"] == pytest.approx(20, rel=0.01)
    assert record.summary(1.0)["latency_ms"]["p99"] == 0


def test_what_the_load_generator_itself_was_late_is_told_apart() -> None:
    record = Record()
    record.add(Ended(Reply(200, b""), True, 0.0, latency=0.030, late=0.020))
    assert record.summary(1.0)["sent_late_ms"]["p50"] == pytest.approx(20, rel=0.01)
    assert record.summary(1.0)["latency_ms"]["p50"] == pytest.approx(30, rel=0.01)


def test_progress_is_of_what_came_since_the_last_look() -> None:
    record = Record()
    for milliseconds in range(1, 101):
        record.add(an_end(latency=milliseconds / 1000))
    recent = record.take_recent()
    assert (recent.answers, round(recent.p50), round(recent.p99)) == (100, 51, 100)
    assert record.take_recent().answers == 0


def test_a_lost_connection_is_an_error() -> None:
    record = Record()
    record.add(Ended(LOST, True, 0.0, 1.0))
    assert (record.errors, record.summary(1.0)["statuses"]) == (1, {"0": 1})


@pytest.mark.parametrize(
    ("p99", "share", "holds"),
    [(None, 0.01, True), (100.0, 0.01, True), (99.0, 0.01, False), (None, 0.009, False)],
)
def test_thresholds_are_kept_or_not(p99: float | None, share: float, holds: bool) -> None:
    figures = {"requests": 100, "errors": 1, "latency_ms": {"p99": 100.0}}
    assert within(figures, p99, share) is holds


def test_requests_are_due_at_the_rate_of_their_phase() -> None:
    schedule = Schedule(Phase(10, 2), Phase(2, 1.5))
    assert (schedule.requests, schedule.seconds) == (23, 3.5)
    assert [schedule.due(n) for n in (0, 1, 19, 20, 22)] == [0, 0.1, 1.9, 2, 3]


@pytest.mark.parametrize(("first", "end"), [(0, 23), (3, 3), (5, 21), (20, 23), (22, 30)])
def test_dues_of_many_are_those_of_each(first: int, end: int) -> None:
    schedule = Schedule(Phase(10, 2), Phase(2, 1.5))
    each = [schedule.due(n) for n in range(first, min(end, schedule.requests))]
    assert list(schedule.dues(first, end)) == each


@pytest.mark.parametrize(("elapsed", "due"), [(0, 1), (0.05, 1), (0.1, 2), (2.1, 21), (9, 23)])
def test_by_any_moment_so_many_requests_are_due(elapsed: float, due: int) -> None:
    assert Schedule(Phase(10, 2), Phase(2, 1.5)).due_by(elapsed) == due
