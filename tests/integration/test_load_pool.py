"""The load generator's connections against servers that misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from ops.load.loops import closed_loop, open_loop, sender
from ops.load.pool import ConnectionPool
from ops.load.record import Record
from ops.load.schedule import Phase, Schedule
from ops.local.programs import LOOPBACK, free_port

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def quiet(_elapsed: float) -> None:
    """Nobody looks on."""


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serves each connection in a thread of its own; its URL."""

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def read_request(connection: socket.socket) -> bool:
    """Reads one request with its body; False at the end."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return False
        received += piece
    head, body = received.split(b"\r\n\r\n", 1)
    left = int(head.rsplit(b"Content-Length: ", 1)[1]) - len(body)
    while left > 0:
        left -= len(connection.recv(min(left, 4096)))
    return True


def answer(connection: socket.socket, pieces: tuple[bytes, ...] = (REPLY,)) -> None:
    with connection:
        while read_request(connection):
            for piece in pieces:
                connection.sendall(piece)


def hang_up(connection: socket.socket) -> None:
    with connection:
        read_request(connection)


def a_request(size: int = 2) -> bytes:
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size


def run(url: str, request: bytes, *, requests: int, connections: int = 2) -> Record:
    record = Record()
    pool = ConnectionPool(url, connections)
    pool.fill()
    schedule = Schedule(Phase(float(requests) * 5, 0.2))
    open_loop(pool, sender(pool, [request], [b"ok"]), schedule, record.add, quiet)
    pool.close()
    return record


def test_more_requests_than_connections_wait_for_one() -> None:
    with server(answer) as url:
        assert run(url, a_request(), requests=50).good == 50


def test_pools_of_two_threads_do_not_read_each_others_replies() -> None:
    def replies_of(letter: bytes) -> set[bytes]:
        """The letters of 3,000 replies, some at the same time."""
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + letter * 2000
        heard: list[bytes] = []
        with server(partial(answer, pieces=(reply,))) as url:
            pool = ConnectionPool(url, 4)
            for _ in range(3000):
                pool.send(a_request(), lambda reply: heard.append(reply.body))
            while len(heard) < 3000:
                pool.wait(1.0)
            pool.close()
        return set(heard)

    with ThreadPoolExecutor(2) as threads:
        a, b = threads.map(replies_of, (b"a", b"b"))
    assert (a, b) == ({b"a" * 2000}, {b"b" * 2000})


def test_a_crowd_of_requests_is_sent_at_its_rate_and_gets_every_reply() -> None:
    with server(answer) as url:
        record, pool = Record(), ConnectionPool(url, 8)
        pool.fill()
        schedule = Schedule(Phase(4000.0, 0.2))
        seconds = open_loop(pool, sender(pool, [a_request()], [b"ok"]), schedule, record.add, quiet)
        pool.close()
    assert record.good == 800
    assert seconds >= schedule.due(799)


def test_a_large_request_is_sent_in_pieces_and_a_reply_read_in_pieces() -> None:
    with server(lambda c: answer(c, (REPLY[:10], REPLY[10:30], REPLY[30:]))) as url:
        assert run(url, a_request(8_000_000), requests=4).good == 4


def test_a_connection_that_is_lost_is_an_error_and_is_opened_again() -> None:
    with server(hang_up) as url:
        assert run(url, a_request(), requests=20).statuses == {0: 20}


def test_full_speed_goes_on_until_the_time_is_up() -> None:
    with server(answer) as url:
        record, pool = Record(), ConnectionPool(url, 3)
        pool.fill()
        send = sender(pool, [a_request()], [b"ok"])
        seconds = closed_loop(pool, send, record.add, quiet, clients=3, seconds=0.2)
        pool.close()
    assert seconds >= 0.2
    assert record.good == record.total > 3


def test_nobody_listening_is_told_before_the_run() -> None:
    pool = ConnectionPool(f"http://{LOOPBACK}:{free_port()}", 1)
    with pytest.raises(ConnectionRefusedError):
        pool.fill()
    pool.close()
