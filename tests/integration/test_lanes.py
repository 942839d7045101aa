"""Two lanes: a backlog in one does not hold up the other, and each has its bound in RabbitMQ."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.builders import a_row
from tests.processes import wait_until
from tests.servers import Servers
from tests.stack import Client, Stack

ARRAY = [a_row()] * 1000
ARRAYS = 150
"""Of 1,000 rows each: more than a worker can do in the time that the test takes."""
ASKED = 10
IN_TIME = 2.0
"""Seconds: what a synchronous request has by default."""

FULL = "The queue is full"

FLOOD_CLIENTS = 24
FLOOD = [a_row()] * 200
"""More than a batch, so that each client always has the next one waiting."""


def submit(client: Client, rows: Any) -> str:
    answer = client.post("/v1/tasks", json=rows)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def status(client: Client, url: str, wait: float = 0) -> Any:
    return client.get(url, params={"wait": wait}).json()["status"]


def test_a_backlog_of_asynchronous_arrays_does_not_make_synchronous_requests_late(
    private_stack: Stack,
) -> None:
    client = private_stack.client
    (worker,) = private_stack.workers
    with worker.paused(), ThreadPoolExecutor(4) as pool:
        urls = list(pool.map(lambda _: submit(client, ARRAY), range(ARRAYS)))
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        answer = client.post("/v1/predict", json=a_row())
        took.append(time.monotonic() - began)
        assert answer.status_code == 200, answer.text
    assert max(took) < IN_TIME
    assert status(client, urls[-1]) == "queued", "the backlog was too small to show anything"
    assert all(status(client, url, wait=30) == "done" for url in urls)


@contextmanager
def flood(stack: Stack) -> Iterator[list[int]]:
    """More synchronous work than a worker can do, without a break; the statuses so far."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        with Client(stack.url) as client:
            while not over.is_set():
                statuses.append(client.post("/v1/predict", json=FLOOD).status_code)

    with ThreadPoolExecutor(FLOOD_CLIENTS) as pool:
        asking = [pool.submit(ask) for _ in range(FLOOD_CLIENTS)]
        try:
            yield statuses
        finally:
            over.set()
        for client in asking:
            client.result(30)


def test_a_flood_of_synchronous_requests_does_not_stop_asynchronous_tasks(
    private_stack: Stack,
) -> None:
    with flood(private_stack) as statuses, Client(private_stack.url) as client:
        wait_until(lambda: len(statuses) > 2 * FLOOD_CLIENTS, 20, "the flood is in full flow")
        before = len(statuses)
        urls = [submit(client, [a_row()] * 100) for _ in range(20)]
        assert all(status(client, url, wait=20) == "done" for url in urls)
        assert len(statuses) > before, "there was no flood"
    assert set(statuses) <= {200, 503, 504}
    assert 200 in statuses


@contextmanager
def small_queues(servers: Servers) -> Iterator[None]:
    """Neither lane holds more than a few messages, soon, and while the context lasts."""
    rabbit = servers.rabbit
    rabbit.ctl("set_policy", "-p", "private", "small", "^regno[.]", '{"max-length":3}')
    try:
        yield
    finally:
        rabbit.ctl("clear_policy", "-p", "private", "small")


@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/predict"])
def test_a_queue_that_is_full_is_told_at_once(
    servers: Servers, private_stack: Stack, path: str
) -> None:
    (worker,) = private_stack.workers
    assert worker.stop() == 0

    refused: list[requests.Response] = []

    def post(_: int) -> requests.Response:
        with Client(private_stack.url) as client:
            return client.post(path, json=a_row(), params={"timeout": 2})

    def full() -> bool:
        answers = list(pool.map(post, range(20)))
        refused.extend(answer for answer in answers if answer.status_code == 503)
        return bool(refused)

    try:
        with small_queues(servers), ThreadPoolExecutor(20) as pool:
            wait_until(full, 20, "the queue is full")
        for answer in refused:
            assert answer.json()["detail"] == FULL
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.elapsed.total_seconds() < 1
    finally:
        private_stack.replace_worker(worker)
        private_stack.wait_ready()


def test_a_full_queue_that_a_new_connection_meets_is_told_as_well(
    servers: Servers, private_stack: Stack
) -> None:
    """And the front door stays ready: it does not go from one connection to the next."""
    (worker,) = private_stack.workers
    assert worker.stop() == 0

    def told(_: int = 0) -> str:
        with Client(private_stack.url) as client:
            answer = client.post("/v1/tasks", json=a_row())
        assert answer.status_code in (202, 503), answer.text
        return str(answer.json().get("detail"))

    def broker() -> str:
        readiness = private_stack.readiness()
        assert readiness is not None
        return str(readiness.json()["checks"]["broker"])

    def steady(seconds: float) -> bool:
        """Each process is connected by both lanes, whichever of them answers, all the time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if told() != FULL or broker() != "ok":
                return False
        return True

    try:
        with small_queues(servers), ThreadPoolExecutor(20) as pool:
            wait_until(lambda: FULL in list(pool.map(told, range(20))), 20, "the queue is full")
            servers.rabbit.ctl("close_all_connections", "--vhost", "private", "maintenance")
            wait_until(lambda: steady(3), 20, "every process is connected again, and stays so")
    finally:
        private_stack.replace_worker(worker)
        private_stack.wait_ready()
