"""The front door's own HTTP server, seen from a socket, before a small application."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.server.connection import Patience
from shared.metrics import Where
from tests.local_door import LARGE_BYTES, PATIENT, LocalDoor
from tests.processes import wait_until
from tests.raw_http import SECONDS, RawClient

HOST = "Host: door"
GET = ("GET /path HTTP/1.1", HOST)
CHUNKED = "Transfer-Encoding: chunked"
POST = ("POST /path HTTP/1.1", HOST)
WAIT = ("POST /wait HTTP/1.1", HOST, "Content-Length: 0")


@pytest.fixture(scope="module")
def shared_door() -> Iterator[LocalDoor]:
    """For tests that leave it as they found it."""
    with LocalDoor() as door:
        yield door


@pytest.fixture
def door() -> Iterator[LocalDoor]:
    with LocalDoor() as door:
        yield door


@pytest.fixture
def client(shared_door: LocalDoor) -> Iterator[RawClient]:
    with shared_door.connect() as client:
        yield client


# What a request becomes.


def test_the_application_is_told_what_was_asked(client: RawClient) -> None:
    told = client.ask(
        "POST /a%20b/%D0%B0?c=%20d#e HTTP/1.1", HOST, "X-One: 1", "X-Empty:", "X-One:  2 ",
        "Content-Type: text/csv", "Content-Length: 2", body=b"hi",
    ).json()  # fmt: skip
    assert told["REQUEST_METHOD"] == "POST"
    assert told["PATH_INFO"].encode("latin-1").decode() == "/a b/а"
    assert told["QUERY_STRING"] == "c=%20d"
    assert told["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert told["HTTP_HOST"] == "door"
    assert told["HTTP_X_ONE"] == "1,2"
    assert told["HTTP_X_EMPTY"] == ""
    assert told["CONTENT_TYPE"] == "text/csv"
    assert told["CONTENT_LENGTH"] == "2"
    assert told["body"] == "hi"
    assert told["REMOTE_ADDR"] == "127.0.0.1"
    assert told["REMOTE_PORT"] == str(client.socket.getsockname()[1])
    assert told["SERVER_PORT"] == str(client.socket.getpeername()[1])


def test_a_header_with_an_underscore_passes_for_none_with_a_dash(client: RawClient) -> None:
    told = client.ask(*GET, "x_api_key: forged").json()
    assert "HTTP_X_API_KEY" not in told


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://elsewhere/p%20q?r=s", "/p q", "r=s"),
        ("http://elsewhere", "/", ""),
        ("http://elsewhere?r", "/", "r"),
        ("//a//b", "//a//b", ""),
        ("/%zz", "/%zz", ""),
    ],
)
def test_a_target_is_split(client: RawClient, target: str, path: str, query: str) -> None:
    told = client.ask(f"GET {target} HTTP/1.1", HOST).json()
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == (path, query)


def test_options_for_the_whole_server_is_a_request(client: RawClient) -> None:
    assert client.ask("OPTIONS * HTTP/1.1", HOST).json()["PATH_INFO"] == "*"
    assert client.ask(*GET).status == 200


def test_a_chunked_body_arrives_whole_and_its_trailers_are_no_headers(client: RawClient) -> None:
    chunks = b"3;some=thing\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: x\r\n\r\n"
    told = client.ask(*GET, "Transfer-Encoding: chunked", body=chunks).json()
    assert told["body"] == "abcde"
    assert told["CONTENT_LENGTH"] == "5"
    assert "HTTP_X_TRAILER" not in told
    assert client.ask(*GET).status == 200


def test_it_does_not_matter_how_the_bytes_are_cut(client: RawClient) -> None:
    request = b"POST /path?q HTTP/1.1\r\nHost: door\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    for byte in request + b"3\r\nabc\r\n0\r\n\r\n":
        client.send_raw(bytes((byte,)))
    told = client.read().json()
    assert (told["PATH_INFO"], told["HTTP_A"], told["body"]) == ("/path", "b", "abc")


# Responses.


def test_a_response_says_when_and_how_long(client: RawClient) -> None:
    answer = client.ask(*GET)
    assert answer.headers["date"].endswith("GMT")
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["connection"] == "keep-alive"


def test_head_is_answered_without_the_body(client: RawClient) -> None:
    client.send("HEAD /path HTTP/1.1", HOST)
    assert int(client.read(head=True).headers["content-length"]) > 0
    assert client.ask(*GET).status == 200


def test_no_content_is_no_content(client: RawClient) -> None:
    answer = client.ask("GET /nothing HTTP/1.1", HOST)
    assert answer.status == 204
    assert "content-length" not in answer.headers
    assert client.ask(*GET).status == 200


def test_a_large_answer_arrives_whole(client: RawClient) -> None:
    assert len(client.ask("GET /large HTTP/1.1", HOST).body) == LARGE_BYTES


# How long a connection lasts.


@pytest.mark.parametrize(
    ("lines", "stays"),
    [
        (("GET / HTTP/1.1", HOST), True),
        (("GET / HTTP/1.1", HOST, "Connection: close"), False),
        (("GET / HTTP/1.1", HOST, "Connection: keep-alive, close"), False),
        (("GET / HTTP/1.0",), False),
        (("GET / HTTP/1.0", "Connection: keep-alive"), True),
    ],
)
def test_a_connection_stays_as_it_is_agreed(
    client: RawClient, lines: tuple[str, ...], stays: bool
) -> None:
    assert client.ask(*lines).headers["connection"] == ("keep-alive" if stays else "close")
    if stays:
        assert client.ask(*lines).status == 200
    else:
        assert client.read_end() == b""


def test_what_comes_after_the_last_request_is_not_read(client: RawClient) -> None:
    client.send(*GET, "Connection: close")
    client.send(*GET)
    assert client.read().status == 200
    assert client.read_end() == b""


def test_a_client_that_sends_no_more_still_gets_its_answers(client: RawClient) -> None:
    client.send(*GET)
    client.send(*GET, "X-Last: yes")
    client.hang_up_sending()
    assert "HTTP_X_LAST" not in client.read().json()
    assert client.read().json()["HTTP_X_LAST"] == "yes"
    assert client.read_end() == b""


def test_another_protocol_is_not_spoken_and_http_goes_on(client: RawClient) -> None:
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA")
    client.send(*GET, *upgrade)
    client.send("POST /b HTTP/1.1", HOST, *upgrade, "Content-Length: 2", body=b"hi")
    client.send("POST /b HTTP/1.1", HOST, *upgrade, CHUNKED, body=b"2\r\nho\r\n0\r\n\r\n")
    client.send("GET /c HTTP/1.1", HOST)
    assert client.read().json()["PATH_INFO"] == "/path"
    for body in ("hi", "ho"):
        told = client.read().json()
        assert (told["PATH_INFO"], told["HTTP_UPGRADE"], told["body"]) == ("/b", "h2c", body)
    assert client.read().json()["PATH_INFO"] == "/c"


def test_a_request_for_another_protocol_may_be_the_last(client: RawClient) -> None:
    upgrade = ("Connection: Upgrade, close", "Upgrade: h2c")
    client.send("POST /b HTTP/1.1", HOST, *upgrade, "Content-Length: 2", body=b"hi")
    answer = client.read()
    assert (answer.json()["body"], answer.headers["connection"]) == ("hi", "close")
    assert client.read_end() == b""


def test_no_tunnel_is_opened(client: RawClient) -> None:
    client.send("CONNECT elsewhere:443 HTTP/1.1", HOST)
    client.send(*GET)
    answer = client.read()
    assert answer.json()["PATH_INFO"] == "elsewhere:443"  # which no route has
    assert answer.headers["connection"] == "close"
    assert client.read_end() == b""


# Requests sent ahead.


def test_requests_sent_ahead_are_answered_in_order(door: LocalDoor) -> None:
    with door.connect() as client:
        client.send(*WAIT)
        for number in range(40):
            client.send(f"GET /{number} HTTP/1.1", HOST)
        door.wait_answering(1)
        door.released.set()
        assert client.read().json()["PATH_INFO"] == "/wait"
        for number in range(40):
            assert client.read().json()["PATH_INFO"] == f"/{number}"


def test_a_client_too_far_ahead_is_not_read_from(door: LocalDoor) -> None:
    with door.connect() as client:
        client.send(*WAIT)
        door.wait_answering(1)
        client.socket.settimeout(0.5)
        request = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 60_000 + b"\r\n\r\n"
        with pytest.raises(TimeoutError):
            client.socket.sendall(request * 1000)


def test_going_on_is_not_said_before_the_answer_to_what_came_before(door: LocalDoor) -> None:
    with door.connect() as client:
        client.send(*WAIT)
        client.send("POST /b HTTP/1.1", HOST, "Content-Length: 2", "Expect: 100-continue")
        door.wait_answering(1)
        door.released.set()
        assert client.read().json()["PATH_INFO"] == "/wait"
        assert client.read().status == 100
        client.send_raw(b"hi")
        assert client.read().json()["body"] == "hi"


def test_a_client_that_asks_is_told_to_go_on_once(client: RawClient) -> None:
    client.send("POST /b HTTP/1.1", HOST, "Content-Length: 4", "Expect: 100-Continue")
    assert client.read().status == 100
    client.send_raw(b"ab")
    client.send_raw(b"cd")
    assert client.read().json()["body"] == "abcd"


def test_a_client_of_http_1_0_is_not_told_to_go_on(client: RawClient) -> None:
    lines = ("POST /b HTTP/1.0", "Content-Length: 2", "Expect: 100-continue")
    assert client.ask(*lines, body=b"hi").status == 200


def test_a_body_that_is_too_large_is_not_asked_for(client: RawClient) -> None:
    lines = ("POST /b HTTP/1.1", HOST, "Content-Length: 100001", "Expect: 100-continue")
    answer = client.ask(*lines)
    assert answer.json()["body"] is None  # the application says 413
    assert answer.headers["connection"] == "close"


# What is no request.

BAD = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/2 by number": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a made-up method": (b"MAKE / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    "a made-up method of signs": (b'"@" / HTTP/1.1\r\nHost: x\r\n\r\n', 400),
    **{
        f"host {host.decode()}": (b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host, 400)
        for host in (
            b"a b",
            b"a/b",
            b"http://a",
            b"user@a",
            b"a:b",
            b"a:1:2",
            b"a:65536",
            b"[::1",
            b"a?b",
            b"a#b",
            b"a\\b",
            b"<a>",
            b"%zz",
        )
    },
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a target without a slash": (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a target without a host": (b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "lines that end in LF": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    "one line that ends in LF": (b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400),
    "CR in a header": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400),
}
LENGTHS = {
    "two lengths": ("Content-Length: 1", "Content-Length: 1"),
    "a list of lengths": ("Content-Length: 1, 1",),
    "a signed length": ("Content-Length: +1",),
    "no number": ("Content-Length: 0x1",),
    "an empty length": ("Content-Length:",),
    "a huge length": ("Content-Length: 99999999999999999999999",),
    "a length of many zeros": (f"Content-Length: {'0' * 5000}",),
    "length, then chunks": ("Content-Length: 1", CHUNKED),
    "chunks, then length": (CHUNKED, "Content-Length: 1"),
    "chunks not last": ("Transfer-Encoding: chunked, identity",),
    "chunks twice": (CHUNKED, CHUNKED),
}
CHUNKS = {
    "LF for CRLF": b"1\na\n0\n\n",
    "a negative size": b"-1\r\na\r\n0\r\n\r\n",
    "a space behind the size": b"1 \r\na\r\n0\r\n\r\n",
    "a longer chunk than said": b"1\r\nab\r\n0\r\n\r\n",
    "an overflow": b"fffffffffffffffff\r\na",
    "a length in the trailers": b"1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n",
}


def is_told(client: RawClient, status: int) -> None:
    """What any client is told whose bytes make no request; then it is hung up on."""
    answer = client.read()
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    told = answer.json()
    assert told["status"] == status
    assert told["detail"]
    assert told["request_id"] == answer.headers["x-request-id"]
    assert client.read_end() == b""


@pytest.mark.parametrize(("data", "status"), BAD.values(), ids=BAD)
def test_what_is_no_request_is_refused(client: RawClient, data: bytes, status: int) -> None:
    client.send_raw(data)
    is_told(client, status)


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS)
def test_a_body_of_doubtful_length_is_refused(client: RawClient, lines: tuple[str, ...]) -> None:
    client.send(*GET, *lines, body=b"1\r\na\r\n0\r\n\r\n")
    is_told(client, 400)


@pytest.fixture(scope="module")
def full_door() -> Iterator[LocalDoor]:
    """Its lane is full, so that plain requests are refused without being parsed."""
    with LocalDoor(in_flight=1) as door, door.connect() as client:
        client.send(*WAIT)
        door.wait_answering(1)
        yield door
        door.released.set()
        assert client.read().status == 200


@pytest.mark.parametrize(
    "lines",
    [
        *LENGTHS.values(),
        (HOST, "Content-Length: 0"),
        ("Content-Length: 0", "A : b"),
        ("Content-Length: 0", "A: b", " c"),
        ("Content-Length: 0\nTransfer-Encoding: chunked",),
    ],
)
def test_a_full_lane_makes_nobody_less_strict(full_door: LocalDoor, lines: tuple[str, ...]) -> None:
    with full_door.connect() as client:
        assert client.ask(*WAIT).status == 503
        client.send("POST /wait HTTP/1.1", HOST, *lines)
        is_told(client, 400)


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "identity", "xchunked"])
def test_a_coding_that_is_not_undone_is_refused(client: RawClient, coding: str) -> None:
    client.send(*GET, f"Transfer-Encoding: {coding}", body=b"1\r\na\r\n0\r\n\r\n")
    is_told(client, 501)


def test_http_1_0_has_no_chunks(client: RawClient) -> None:
    client.send("POST / HTTP/1.0", CHUNKED, "Connection: keep-alive", body=b"0\r\n\r\n")
    is_told(client, 400)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_bad_chunks_are_refused(client: RawClient, chunks: bytes) -> None:
    client.send(*GET, CHUNKED, body=chunks)
    is_told(client, 400)


def test_good_requests_before_a_bad_one_are_answered_first(door: LocalDoor) -> None:
    with door.connect() as client:
        client.send(*WAIT)
        client.send(*GET)
        client.send_raw(b"no request\r\n\r\n")
        door.wait_answering(1)
        door.released.set()
        assert client.read().status == 200
        assert client.read().status == 200
        is_told(client, 400)


# Limits.


def test_a_target_may_be_so_long(client: RawClient) -> None:
    assert client.ask("GET /" + "x" * 8189 + " HTTP/1.1", HOST).status == 200
    client.send("GET /" + "x" * 8190 + " HTTP/1.1", HOST)
    is_told(client, 414)


def test_a_head_may_be_so_long(client: RawClient) -> None:
    assert client.ask(*GET, "X: " + "x" * 60_000).status == 200
    client.send(*GET, "X: " + "x" * 140_000)
    is_told(client, 431)


def test_a_head_may_have_so_many_lines(client: RawClient) -> None:
    assert client.ask(*GET, *["X: x"] * 255).status == 200
    client.send(*GET, *["X: x"] * 256)
    is_told(client, 431)


@pytest.mark.parametrize("endless", [b"1;", b"1\r\na\r\n0\r\nX: "])
def test_what_stands_around_chunks_may_be_so_long(client: RawClient, endless: bytes) -> None:
    client.send(*GET, CHUNKED, body=endless + b"x" * 140_000)
    is_told(client, 431)


@pytest.mark.parametrize("size", [100_000, 100_001])
def test_a_body_may_be_so_large_however_it_is_framed(client: RawClient, size: int) -> None:
    told = client.ask(*GET, CHUNKED, body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)).json()
    assert (told["body"] is None) == (size > 100_000)
    assert int(told["CONTENT_LENGTH"]) == size
    if size > 100_000:
        assert client.read_end() == b""
    else:
        told = client.ask(*GET, f"Content-Length: {size}", body=b"x" * size).json()
        assert len(told["body"]) == size


def test_a_body_too_large_by_its_own_word_is_not_read(client: RawClient) -> None:
    answer = client.ask(*GET, "Content-Length: 100001", body=b"x" * 50_000)
    assert answer.json()["body"] is None
    assert answer.json()["CONTENT_LENGTH"] == "100001"
    assert client.read_end() == b""


# Slow clients.


def test_a_head_has_to_arrive_in_time() -> None:
    with LocalDoor(patience=PATIENT._replace(head=0.1)) as door, door.connect() as client:
        client.send_raw(b"GET / HTTP/1.1\r\nHost")
        is_told(client, 408)


def test_a_body_has_to_go_on_arriving() -> None:
    with LocalDoor(patience=PATIENT._replace(idle=0.1)) as door, door.connect() as client:
        client.send(*GET, "Content-Length: 2", body=b"a")
        is_told(client, 408)


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_client_that_asks_nothing_is_hung_up_on_without_a_word(first: bytes) -> None:
    with LocalDoor(patience=PATIENT._replace(idle=0.1)) as door, door.connect() as client:
        if first:
            client.send_raw(first)
            assert client.read().status == 200
        assert client.read_end() == b""
        door.wait_open(0)


def test_a_client_that_waits_for_its_answer_is_not_hung_up_on() -> None:
    with LocalDoor(patience=Patience(0.1, 0.1, 0.1, 0.1, 0.1)) as door, door.connect() as client:
        client.send(*WAIT)
        with door.connect() as other:
            assert other.read_end() == b""  # this one was; so clients have been looked at
        assert door.answering() == 1
        door.released.set()
        assert client.read().status == 200


def test_a_client_that_does_not_read_is_given_up() -> None:
    with LocalDoor(patience=PATIENT._replace(read=0.3)) as door, door.connect() as client:
        client.send("GET /large HTTP/1.1", HOST)
        door.wait_open(1)
        door.wait_open(0)
        assert len(client.read_end()) < LARGE_BYTES


def test_a_client_that_does_not_hang_up_is_hung_up_on() -> None:
    with LocalDoor(patience=PATIENT._replace(linger=0.1)) as door, door.connect() as client:
        assert client.ask(*GET, "Connection: close").status == 200
        door.wait_open(0)


# Clients that vanish.


def reset(client: RawClient) -> None:
    """Vanishes without a goodbye."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("vanish", [RawClient.close, reset])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
    ],
)
def test_a_client_that_vanishes_leaves_nothing_behind(
    door: LocalDoor, vanish: Callable[[RawClient], None], sent: bytes
) -> None:
    clients = [door.connect() for _ in range(5)]
    for client in clients:
        client.send_raw(sent)
    wait_until(lambda: door.open_connections() > 0, SECONDS, "it has seen them")
    for client in clients:
        vanish(client)
    door.wait_open(0)
    assert door.lane.in_flight == 0
    with door.connect() as client:
        assert client.ask(*GET).status == 200


@pytest.mark.parametrize("vanish", [RawClient.close, reset])
def test_a_client_that_vanishes_while_it_waits_gives_its_place_up(
    door: LocalDoor, vanish: Callable[[RawClient], None]
) -> None:
    clients = [door.connect() for _ in range(2)]
    for client in clients:
        client.send(*WAIT)
        client.send(*WAIT)  # sent ahead, and not begun
    door.wait_answering(2)
    for client in clients:
        vanish(client)
    door.released.set()
    door.wait_open(0)
    assert door.lane.in_flight == 0


@pytest.mark.parametrize("vanish", [RawClient.close, reset])
def test_a_client_may_vanish_after_any_byte(
    vanish: Callable[[RawClient], None],
) -> None:
    head = b"POST /wait HTTP/1.1\r\nHost: x\r\n"
    stream = head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    stream += head + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\nab"
    with LocalDoor(in_flight=2 * len(stream)) as door:  # it may hear of many of them at once
        door.released.set()
        for size in range(len(stream) + 1):
            client = door.connect()
            client.send_raw(stream[:size])
            vanish(client)
        with door.connect() as client:
            client.send_raw(stream)
            client.hang_up_sending()
            assert [client.read().status for _ in range(2)] == [200, 200]
        door.wait_open(0)
        assert door.lane.in_flight == 0


# Handlers that fail.


def test_a_bug_is_told_under_the_callers_id(door: LocalDoor) -> None:
    with door.connect() as client:
        answer = client.ask("POST /bug HTTP/1.1", HOST, "X-Request-ID: mine", "Content-Length: 0")
        assert answer.status == 500
        assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine"
        assert client.read_end() == b""
    assert door.failures == {Where.SERVER: 1}
    assert door.lane.in_flight == 0


def test_a_handler_that_is_killed_holds_nothing_and_nobody_up(door: LocalDoor) -> None:
    for _ in range(5):
        with door.connect() as client:
            client.send("POST /exit?now HTTP/1.1", HOST, "Content-Length: 0")
            assert client.read_end() == b""
    assert door.lane.in_flight == 0
    door.wait_open(0)
    with door.connect() as client:
        assert client.ask(*GET).status == 200


def test_a_handler_that_ends_the_process_ends_it(door: LocalDoor) -> None:
    with door.connect() as client:
        client.send("POST /exit?process HTTP/1.1", HOST, "Content-Length: 0")
        assert client.read_end() == b""
    door.wait_stopped()
    assert isinstance(door.ended_by, SystemExit)
    assert door.lane.in_flight == 0


# What fails before the application sees it.


def test_who_calls_in_the_customers_form_is_told_in_it_and_under_its_own_id(
    door: LocalDoor,
) -> None:
    with door.connect() as client:
        client.send("POST /reg/ HTTP/1.1", HOST, "X-Request-ID: mine", "Transfer-Encoding: gzip")
        answer = client.read()
        assert (answer.status, answer.headers["x-request-id"]) == (501, "mine")
        assert answer.json() == {"body": "Transfer-Encoding must be chunked", "status": "fail"}
    counted = {("/reg/", 501): 1}
    wait_until(lambda: door.answered == counted, SECONDS, "the failure is counted")


@pytest.mark.parametrize("framing", ["Content-Length: 90000", CHUNKED])
def test_a_stranger_is_answered_without_its_body_being_read(
    client: RawClient, framing: str
) -> None:
    answer = client.ask("POST /path HTTP/1.1", HOST, "X-Stranger: yes", framing)
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert answer.json()["body"] is None


def test_a_stranger_that_asks_first_is_not_told_to_go_on(client: RawClient) -> None:
    lines = ("X-Stranger: yes", "Content-Length: 9", "Expect: 100-continue")
    assert client.ask("POST /path HTTP/1.1", HOST, *lines).headers["connection"] == "close"


# More than can be taken in.


def test_a_lane_at_its_bound_refuses_at_once_and_the_others_go_on(door: LocalDoor) -> None:
    waiting = [door.connect() for _ in range(2)]
    for client in waiting:
        client.send(*WAIT)
    door.wait_answering(2)
    with door.connect() as client:
        lines = (HOST, "Content-Length: 0", "X-Request-ID: mine")
        for path in ("/wait", "//wait"):
            refusal = client.ask(f"POST {path} HTTP/1.1", *lines)
            assert refusal.status == 503
            assert refusal.headers["retry-after"] == "1"
            assert refusal.headers["content-type"] == "application/problem+json"
            assert refusal.headers["x-request-id"] == refusal.json()["request_id"] == "mine"
        refusal = client.ask("POST /reg/ HTTP/1.1", *lines)
        assert refusal.status == 503
        assert set(refusal.json()) == {"body", "status"}
        assert refusal.json()["status"] == "fail"
        assert client.ask(*GET).status == 200
        client.send("POST /other HTTP/1.1", *lines)
        door.wait_answering(3)
        door.released.set()
        assert client.read().status == 200
        for other in waiting:
            assert other.read().status == 200
            other.close()
        assert client.ask(*WAIT).status == 200
    told = {("/wait", 503): 2, ("/reg/", 503): 1}
    wait_until(lambda: door.answered == told, SECONDS, "the refusals are told")
    assert (door.lane.in_flight, door.other_lane.in_flight) == (0, 0)


def test_strangers_take_nobody_s_place(door: LocalDoor) -> None:
    strangers = [door.connect() for _ in range(5)]
    for client in strangers:
        client.send(*WAIT, "X-Stranger: yes")
    door.wait_answering(5)
    assert door.lane.in_flight == 0
    door.released.set()
    for client in strangers:
        assert client.read().status == 200
        client.close()


def test_where_it_is_full_it_gives_up_who_is_silent_and_keeps_who_waits() -> None:
    with LocalDoor(max_connections=20) as door, door.connect() as waiting:
        waiting.send(*WAIT)
        door.wait_answering(1)
        silent = [door.connect() for _ in range(19)]
        more = [door.connect() for _ in range(40)]
        assert more[-1].ask(*GET).status == 200
        assert all(client.read_end() == b"" for client in silent)
        door.released.set()
        assert waiting.read().status == 200
        for client in (*silent, *more):
            client.close()


def test_where_everybody_waits_others_are_refused_and_health_is_told() -> None:
    with LocalDoor(max_connections=2, in_flight=5) as door:
        waiting = [door.connect() for _ in range(2)]
        for client in waiting:
            client.send(*WAIT)
        door.wait_answering(2)
        with door.connect() as client, door.connect() as health:
            refused = client.ask(*GET)
            assert refused.status == 503
            assert refused.headers["retry-after"] == "1"
            assert client.read_end() == b""
            assert health.ask("GET /livez HTTP/1.1", "Host: x").status == 200
            door.released.set()
            assert all(client.read().status == 200 for client in waiting)
        for client in waiting:
            client.close()


def test_a_client_that_has_gone_while_it_waited_makes_room() -> None:
    with LocalDoor(max_connections=2, in_flight=5) as door:
        gone = [door.connect() for _ in range(2)]
        for client in gone:
            client.send(*WAIT)
        door.wait_answering(2)
        for client in gone:
            client.close()
        wait_until(lambda: door.ask_anew(*GET) == 200, SECONDS, "there is room")


def test_a_client_that_does_not_read_makes_room() -> None:
    with LocalDoor(max_connections=2) as door:
        greedy = [door.connect() for _ in range(2)]
        for client in greedy:
            client.send("GET /large HTTP/1.1", "Host: x")
        door.wait_answering(2)
        wait_until(lambda: door.ask_anew(*GET) == 200, SECONDS, "there is room")
        for client in greedy:
            client.close()


def test_clients_that_do_not_read_take_no_more_memory_than_there_is() -> None:
    with LocalDoor() as door:
        greedy = [door.connect() for _ in range(10)]
        for client in greedy:
            client.send("GET /large HTTP/1.1", "Host: x")
        # 64 MiB hold two of these answers.
        wait_until(lambda: door.open_connections() <= 2, SECONDS, "the others are hung up on")
        for client in greedy:
            client.close()


def test_bodies_that_do_not_end_take_no_more_memory_than_there_is() -> None:
    with LocalDoor(max_body_bytes=16 * 1024 * 1024) as door:
        half = b"x" * (15 * 1024 * 1024)
        clients = [door.connect() for _ in range(5)]
        for client in clients[:4]:
            client.send(*POST, f"Content-Length: {len(half) + 1}", body=half)
        wait_until(lambda: door.held_bytes() == 4 * len(half), SECONDS, "all has been read")
        clients[4].send(*POST, f"Content-Length: {len(half) + 1}", body=half)
        assert clients[4].read().status == 503
        clients[0].send_raw(b"x")
        assert clients[0].read().status == 200
        for client in clients:
            client.close()


def test_a_body_is_not_read_ahead_of_an_answer() -> None:
    with LocalDoor(max_body_bytes=LARGE_BYTES) as door, door.connect() as client:
        client.send(*WAIT)
        door.wait_answering(1)
        client.send(*POST, f"Content-Length: {LARGE_BYTES}")
        client.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            client.send_raw(b"x" * LARGE_BYTES)
        assert door.held_bytes() < 1024 * 1024


def test_a_refused_head_request_has_no_body(client: RawClient) -> None:
    client.send_raw(b"HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n")
    assert client.read_end().endswith(b"\r\n\r\n")


def test_an_answer_of_the_servers_own_is_not_stored(client: RawClient) -> None:
    client.send_raw(b"GET / HTTP/1.1\r\n\r\n")
    assert client.read().headers["cache-control"] == "no-store"


def test_a_busy_sender_is_read_until_it_has_sent_all() -> None:
    with LocalDoor(patience=PATIENT._replace(linger=0.3)) as door, door.connect() as client:
        client.send(*POST, "X-Stranger: 1", "Content-Length: 50000000")
        for _ in range(10):
            client.send_raw(b"x" * 1000)
            time.sleep(0.1)  # slower in all than the time to hang up, and never silent for so long
        assert client.read().status == 200


# Where it listens.


def test_it_listens_at_several_places(tmp_path: Path) -> None:
    path = tmp_path / "door.sock"
    with LocalDoor(unix=str(path)) as door:
        assert len(door.addresses) == 3
        for address in door.addresses:
            with RawClient(address) as client:
                told = client.ask(*GET).json()
                assert told["REMOTE_ADDR"] == ("" if address == str(path) else "127.0.0.1")


# Stopping.


def test_while_stopping_what_was_asked_is_answered_and_the_idle_are_hung_up_on(
    door: LocalDoor,
) -> None:
    with door.connect() as idle, door.connect() as waiting:
        assert idle.ask(*GET).status == 200
        waiting.send(*WAIT)
        waiting.send(*GET)
        door.wait_answering(1)
        door.stop()
        assert idle.read_end() == b""
        door.released.set()
        assert waiting.read().headers["connection"] == "close"
        assert waiting.read_end() == b""
    door.wait_stopped()
