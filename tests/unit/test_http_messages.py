"""HTTP messages as WSGI has them, without a socket."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server.messages import encode_response, environ_name, run_app
from api.server.reading import MAX_HEAD_BYTES, RequestReader

HEAD = b"POST /path HTTP/1.1\r\nHost: x\r\n"


def a_reader(max_body_bytes: int = 1000) -> RequestReader:
    return RequestReader({"base": "of all"}, max_body_bytes)


def fed(*pieces: bytes) -> RequestReader:
    reader = a_reader()
    for piece in pieces:
        reader.feed(piece)
    return reader


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Content-Type", "CONTENT_TYPE"),
        (b"content-length", "CONTENT_LENGTH"),
        (b"x-API-key", "HTTP_X_API_KEY"),
        (b"x_api_key", ""),
    ],
)
def test_a_header_has_its_name_in_the_environ(header: bytes, name: str) -> None:
    assert environ_name(header) == name


def test_names_that_are_made_up_are_not_all_remembered() -> None:
    for number in range(3000):
        assert environ_name(b"made-up-%d" % number) == f"HTTP_MADE_UP_{number}"


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.booleans(),
    st.data(),
)
def test_requests_are_the_same_however_their_bytes_are_cut(
    bodies: list[bytes], chunked: bool, data: st.DataObject
) -> None:
    stream = b""
    for body in bodies:
        if chunked:
            halves = [half for half in (body[:20], body[20:]) if half]
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in halves)
            stream += HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        else:
            stream += HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)), max_size=20)))
    reader = fed(*(stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)))
    assert [request.environ["regno.body"] for request in reader.ready] == bodies
    assert [request.environ["wsgi.input"].read() for request in reader.ready] == bodies
    assert all(request.environ["base"] == "of all" for request in reader.ready)
    assert not reader.ended
    assert reader.request is None


@given(st.binary(max_size=300))
def test_no_bytes_at_all_upset_the_reader(data: bytes) -> None:
    for stream in (data, HEAD + data, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + data):
        reader = fed(stream)
        if reader.refusal is not None:
            assert reader.refusal.status >= 400
            assert reader.refusal.detail
            assert '"' not in reader.refusal.detail
            assert reader.ended


def test_nothing_is_read_behind_the_end() -> None:
    reader = fed(HEAD + b"Connection: close\r\n\r\n" + HEAD + b"\r\n", HEAD + b"\r\n")
    assert len(reader.ready) == 1
    assert not reader.ready[0].keep_alive
    assert (reader.ended, reader.refusal) == (True, None)


def test_small_chunks_take_no_more_room_than_their_bytes() -> None:
    reader = a_reader(max_body_bytes=10_000)
    reader.feed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\nab\r\n" * 4000)
    assert reader.request is not None
    assert reader.request.body == b"ab" * 4000


def test_a_body_is_cut_where_it_gets_too_large() -> None:
    reader = fed(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n")
    assert not reader.ready
    reader.feed(b"1\r\nx\r\n" + b"1\r\ny\r\n" * 1000)
    (request,) = reader.ready
    assert (reader.ended, request.keep_alive) == (True, False)
    assert "regno.body" not in request.environ
    assert request.environ["CONTENT_LENGTH"] == "1001"


def test_a_head_is_refused_once_it_is_too_long() -> None:
    start = HEAD + b"X: " + b"x" * (MAX_HEAD_BYTES - 100)
    assert fed(start).refusal is None
    refusal = fed(start, b"x" * 100).refusal
    assert refusal is not None
    assert refusal.status == 431


def test_requests_do_not_add_up_to_a_head_that_is_too_long() -> None:
    reader = a_reader()
    for _ in range(10):
        reader.feed((HEAD + b"\r\n") * 1000)
        assert len(reader.ready) == 1000
        reader.ready.clear()
    assert not reader.ended


def test_a_client_is_told_once_to_go_on_and_only_while_it_waits() -> None:
    reader = fed(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert [reader.take_expectation() for _ in range(2)] == [True, False]
    reader = fed(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\na")
    assert not reader.take_expectation()
    assert not fed(HEAD).take_expectation()


def test_a_response_has_its_length_and_date_once() -> None:
    response = encode_response("200 OK", [("A", "b")], b"hi", True, False).decode()
    head, _, body = response.partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[:2] == ["HTTP/1.1 200 OK", "A: b"]
    own = ["Cache-Control: no-store", "Content-Length: 2", "Connection: keep-alive"]
    assert lines[2:5] == own
    assert [line.split(":")[0] for line in lines[5:]] == ["Date"]
    assert body == "hi"


def test_what_an_application_says_of_caching_is_kept() -> None:
    response = encode_response("200 OK", [("cache-control", "no-cache")], b"", True, False)
    assert response.lower().count(b"cache-control: no-cache") == 1
    assert response.lower().count(b"cache-control") == 1


def test_a_length_that_is_given_is_kept() -> None:
    response = encode_response("200 OK", [("content-length", "7")], b"", True, True)
    assert response.lower().count(b"content-length: 7") == 1
    assert response.lower().count(b"content-length") == 1


@pytest.mark.parametrize("status", ["204 NO CONTENT", "304 NOT MODIFIED"])
def test_a_response_that_ends_with_its_head_has_no_body(status: str) -> None:
    response = encode_response(status, [], b"hi", False, False)
    assert response.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in response


class Closing(list[bytes]):
    """An application's body that notes that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_what_an_application_writes_and_returns_is_its_body() -> None:
    body = Closing([b"b", b"c"])

    def app(_environ: object, start: object) -> Closing:
        start("200 OK", [])(b"a")  # type: ignore[operator]
        return body

    assert run_app(app, {}).body == b"abc"
    assert body.closed


def test_an_application_that_fails_half_way_is_closed_too() -> None:
    class Failing(Closing):
        def __iter__(self) -> Iterator[bytes]:
            raise RuntimeError

    body = Failing()

    def app(_environ: object, start: object) -> Closing:
        start("200 OK", [])  # type: ignore[operator]
        return body

    with pytest.raises(RuntimeError):
        run_app(app, {})
    assert body.closed
