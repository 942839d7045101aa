import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server.turning_away import PlainPost, read_plain_post


def a_post(*headers: str, path: str = "/v1/predict", body: bytes = b"{}") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_plain_post_is_known_by_its_path() -> None:
    assert read_plain_post(a_post()) == PlainPost("/v1/predict", "", "", "", 2)


def test_the_query_is_no_part_of_the_path() -> None:
    post = read_plain_post(a_post("Prefer: Wait=5", path="/v1/predict?timeout=3"))
    assert post == PlainPost("/v1/predict", "timeout=3", "wait=5", "", 2)


@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-ID"])
def test_the_request_id_is_as_it_was_sent(name: str) -> None:
    assert read_plain_post(a_post(f"{name}:  Order-7 ")) == PlainPost(
        "/v1/predict", "", "", "Order-7", 2
    )


@pytest.mark.parametrize(
    "header",
    [
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Upgrade: h2c",
        "Expect: 100-continue",
        "Content-Length: 2",
        "Content-length: 5",
    ],
)
def test_an_unusual_head_is_left_to_the_parser(header: str) -> None:
    assert read_plain_post(a_post(header)) is None


DOUBTFUL = [
    b"\r\nTransfer-Encoding : chunked",
    b"\nTransfer-Encoding: chunked",
    b"\r\n Transfer-Encoding: chunked",
    b"\r\nA: b\r\n c",
    b"\r\nA: b\0c",
    b"\r\nA: b\rc",
    b"\r\nno colon",
    b"\r\n: no name",
    b"\r\nHost: y",
]
"""Header lines after which nobody may be sure where a body ends, or who is meant."""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        b"GET /v1/predict HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/predict HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}",
        b"POST /v1/predict HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"POST http://x/v1/predict HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        *(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0" + more + b"\r\n\r\n"
            for more in DOUBTFUL
        ),
        b"POST /v1/a b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/a\nb HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"0" * 5000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_plain_post_is_left_to_the_parser(data: bytes) -> None:
    assert read_plain_post(data) is None


def test_a_long_head_is_left_to_the_parser() -> None:
    assert read_plain_post(a_post("X-Long: " + "x" * 1900)) is not None
    assert read_plain_post(a_post("X-Long: " + "x" * 2000)) is None


def test_the_body_is_measured_anew_whoever_sent_that_head_before() -> None:
    assert read_plain_post(a_post(body=b"{}")) is not None
    assert read_plain_post(a_post(body=b"{}")[:-1]) is None


WHOLE = a_post("X-Request-ID: 1", body=b'{"a": 1}')


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_request_that_is_not_all_there_is_left_to_the_parser(length: int) -> None:
    assert read_plain_post(WHOLE[:length]) is None


@given(more=st.binary(min_size=1, max_size=5))
def test_a_request_with_something_behind_it_is_left_to_the_parser(more: bytes) -> None:
    assert read_plain_post(WHOLE) is not None
    assert read_plain_post(WHOLE + more) is None
