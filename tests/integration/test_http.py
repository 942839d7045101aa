"""The real front door over raw sockets, and what it says when more comes than it takes in."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ops.local.programs import LOOPBACK
from tests.builders import a_row
from tests.processes import wait_until
from tests.raw_http import SECONDS, RawAnswer, RawClient
from tests.servers import Servers
from tests.stack import API_KEY, Stack

IN_FLIGHT = 3
HOST = "Host: x"
KEY = f"x-api-key: {API_KEY}"
JSON = "Content-Type: application/json"
ROW = json.dumps(a_row()).encode()
MAX_BODY = 5000


@pytest.fixture(scope="module")
def small_stack(private_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A front door that takes little in, before the private stack's worker."""
    settings = {
        "REGNO_MAX_IN_FLIGHT": str(IN_FLIGHT),
        "REGNO_MAX_BODY_BYTES": str(MAX_BODY),
        "REGNO_PUBLISH_TIMEOUT": "20",
    }
    stack = Stack(
        private_stack.environment["REGNO_BROKER_URL"],
        private_stack.environment["REGNO_REDIS_URL"],
        tmp_path_factory.mktemp("small"),
        workers=0,
        settings=settings,
    )
    stack.wait_ready()
    yield stack
    stack.close()


def connect(stack: Stack) -> RawClient:
    return RawClient((LOOPBACK, int(stack.url.rsplit(":", 1)[1])))


@pytest.fixture
def client(small_stack: Stack) -> Iterator[RawClient]:
    with connect(small_stack) as client:
        yield client


def post(client: RawClient, target: str, *lines: str, body: bytes = ROW) -> None:
    client.send(
        f"POST {target} HTTP/1.1", HOST, KEY, JSON, f"Content-Length: {len(body)}", *lines,
        body=body,
    )  # fmt: skip


def refusals(stack: Stack, route: str) -> float:
    """How many 503 the front door says it has told."""
    for line in stack.client.get("/metrics").text.splitlines():
        if line.startswith("regno_http_requests_total{"):
            labels, value = line.rsplit(" ", 1)
            if f'route="{route}"' in labels and 'status="503"' in labels:
                return float(value)
    return 0.0


# What reaches Flask.


def test_a_row_in_chunks_is_answered_like_one_in_a_piece(client: RawClient) -> None:
    post(client, "/v1/predict")
    whole = client.read().json()["predictions"]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (ROW[:100], ROW[100:]))
    client.send(
        "POST /v1/predict HTTP/1.1", HOST, KEY, JSON, "Transfer-Encoding: chunked",
        body=chunks + b"0\r\nX-Trailer: x\r\n\r\n",
    )  # fmt: skip
    assert client.read().json()["predictions"] == whole
    client.send(
        "POST http://elsewhere/v1/predict?timeout=9 HTTP/1.1", HOST, KEY, JSON,
        "Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(ROW)}", body=ROW,
    )  # fmt: skip
    assert client.read().json()["predictions"] == whole


def test_requests_sent_ahead_are_answered_in_order(client: RawClient) -> None:
    for number in range(10):
        post(client, "/v1/predict", f"X-Request-ID: {number}")
        client.send("GET /livez HTTP/1.1", HOST, f"X-Request-ID: {number}.5")
    for number in range(10):
        predicted, lives = client.read(), client.read()
        assert predicted.headers["x-request-id"] == str(number)
        assert len(predicted.json()["predictions"]) == 1
        assert lives.headers["x-request-id"] == f"{number}.5"


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict", "/v1/tasks"])
def test_a_body_that_is_too_large_is_413_however_it_is_framed(
    small_stack: Stack, path: str
) -> None:
    large = b" " * (MAX_BODY + 1)
    framings = {
        f"Content-Length: {len(large)}": large,
        "Transfer-Encoding: chunked": b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large),
    }
    for framing, body in framings.items():
        with connect(small_stack) as client:
            client.send(f"POST {path} HTTP/1.1", HOST, KEY, JSON, framing, body=body)
            answer = client.read()
            assert answer.status == 413
            assert answer.headers["connection"] == "close"
            assert "x-request-id" in answer.headers
            assert ("body" in answer.json()) == (path == "/reg/")
            assert client.read_end() == b""


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict", "/v1/tasks", "/no/such/path"])
@pytest.mark.parametrize("key", [(), ("x-api-key: somebody-elses-key",)])
def test_the_body_of_a_caller_without_a_key_is_not_waited_for(
    client: RawClient, path: str, key: tuple[str, ...]
) -> None:
    answer = client.ask(f"POST {path} HTTP/1.1", HOST, JSON, *key, "Content-Length: 9000")
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert ("body" in answer.json()) == (path == "/reg/")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("OPTIONS * HTTP/1.1", HOST, KEY), 404),
        (("CONNECT elsewhere:443 HTTP/1.1", HOST, KEY), 404),
        (("OPTIONS /v1/predict HTTP/1.1", HOST, KEY), 200),
        (("GET /no/such/path HTTP/1.0", KEY), 404),
        (("GET /livez HTTP/1.1", HOST, "Expect: something"), 200),
        (("GET /livez HTTP/1.1",), 400),
        (("GET /livez HTTP/1.1", HOST, "X: " + "x" * 140_000), 431),
        (("GET /livez?" + "x" * 8190 + " HTTP/1.1", HOST), 414),
    ],
)
def test_every_answer_has_an_id(client: RawClient, lines: tuple[str, ...], status: int) -> None:
    answer = client.ask(*lines)
    assert answer.status == status
    assert answer.headers["x-request-id"]


def test_head_has_the_headers_of_get(client: RawClient) -> None:
    got = client.ask("GET /livez HTTP/1.1", HOST)
    client.send("HEAD /livez HTTP/1.1", HOST)
    assert client.read(head=True).headers["content-length"] == got.headers["content-length"]
    assert client.ask("GET /livez HTTP/1.1", HOST).status == 200


def test_thousands_of_idle_connections_hold_nobody_up(small_stack: Stack) -> None:
    with ExitStack() as idle:
        clients = [idle.enter_context(connect(small_stack)) for _ in range(2000)]
        with connect(small_stack) as client:
            post(client, "/v1/predict")
            assert client.read().status == 200
        assert clients[0].ask("GET /livez HTTP/1.1", HOST).status == 200


def refuses_connections(stack: Stack) -> bool:
    """Whether nothing listens any more."""
    try:
        connect(stack).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it stood in the backlog
        return True
    return False


# Overload.


class Overloaded:
    """A front door whose lanes are full of requests that a paused worker does not answer."""

    def __init__(self, stack: Stack, clients: ExitStack) -> None:
        self.stack = stack
        self._clients = clients

    def fill(self, target: str) -> list[RawClient]:
        """As many requests as the lane takes, each on a connection of its own."""
        before = self.stack.client.metric("regno_waiters")
        waiting = [self._clients.enter_context(connect(self.stack)) for _ in range(IN_FLIGHT)]
        for client in waiting:
            post(client, target)
        wait_until(
            lambda: self.stack.client.metric("regno_waiters") == before + IN_FLIGHT,
            SECONDS,
            "the lane is full",
        )
        return waiting

    def ask(self, target: str) -> RawAnswer:
        with connect(self.stack) as client:
            post(client, target, "X-Request-ID: mine")
            return client.read()


@pytest.fixture
def overloaded(small_stack: Stack, private_stack: Stack) -> Iterator[Overloaded]:
    with private_stack.workers[0].paused(), ExitStack() as clients:
        yield Overloaded(small_stack, clients)


def test_what_is_over_the_bound_is_told_to_come_back(
    overloaded: Overloaded, private_stack: Stack
) -> None:
    stack = overloaded.stack
    task = overloaded.ask("/v1/tasks").headers["location"]
    counted = {path: refusals(stack, path) for path in ("/reg/", "/v1/predict")}
    waiting = overloaded.fill("/v1/predict?timeout=30")

    for path in ("/reg/", "/v1/predict"):
        answer = overloaded.ask(path)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-request-id"] == "mine"
        if path == "/reg/":
            assert answer.headers["content-type"] == "application/json"
            assert (set(answer.json()), answer.json()["status"]) == ({"body", "status"}, "fail")
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.json()["status"], answer.json()["request_id"]) == (503, "mine")
    for path, before in counted.items():
        wait_until(lambda: refusals(stack, path) == before + 1, SECONDS, "it is counted")  # noqa: B023
    for path in ("/livez", "/readyz", "/metrics", task):
        assert stack.client.get(path).status_code == 200
    assert overloaded.ask("/v1/tasks").status == 202  # the other lane goes on

    private_stack.workers[0].resume()
    for client in waiting:
        assert client.read().status == 200
    for path in ("/reg/", "/v1/predict"):
        assert overloaded.ask(path).status == 200
    assert stack.client.get(task, params={"wait": 20}).json()["status"] == "done"


def test_the_asynchronous_lane_at_its_bound_does_not_stop_the_other(
    small_stack: Stack, servers: Servers
) -> None:
    before = refusals(small_stack, "/v1/tasks")
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(small_stack)) for _ in range(2 * IN_FLIGHT)]
        sync = stack.enter_context(connect(small_stack))
        with servers.rabbit.process.paused():  # which is what an asynchronous call waits for
            for client in clients:
                post(client, "/v1/tasks")
            wait_until(
                lambda: refusals(small_stack, "/v1/tasks") == before + IN_FLIGHT,
                SECONDS,
                "half of them are refused",
            )
            post(sync, "/v1/predict?timeout=20")
            sync.send("GET /livez HTTP/1.1", HOST)
            assert small_stack.client.get("/livez").status_code == 200
        statuses = sorted(client.read().status for client in clients)
        assert statuses == [202] * IN_FLIGHT + [503] * IN_FLIGHT
        assert sync.read().status == 200
        post(clients[0], "/v1/tasks")
        assert clients[0].read().status == 202


# Stopping.


def test_a_front_door_that_stops_answers_what_it_has_taken_and_says_that_it_leaves(
    private_stack: Stack, tmp_path: Path
) -> None:
    urls = [private_stack.environment[name] for name in ("REGNO_BROKER_URL", "REGNO_REDIS_URL")]
    stack = Stack(urls[0], urls[1], tmp_path, workers=0)
    with closing(stack):
        stack.wait_ready()
        with connect(stack) as waiting, connect(stack) as half:
            half.send_raw(b"GET /livez HTTP/1.1\r\n")
            with private_stack.workers[0].paused():
                post(waiting, "/v1/predict?timeout=20")
                wait_until(lambda: stack.client.metric("regno_waiters") == 1, SECONDS, "it waits")
                stack.api.send(signal.SIGTERM)
                wait_until(lambda: refuses_connections(stack), SECONDS, "it stops")
                half.send("Host: x")
                assert half.read().headers["connection"] == "close"
            answer = waiting.read()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert waiting.read_end() == b""
        assert stack.api.stop() == 0
