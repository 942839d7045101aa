"""Answers arrive although the connections to Redis that would carry them are cut."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis

from tests.builders import a_row
from tests.processes import wait_until
from tests.stack import Client, Stack

WAITING = 12


def predict(url: str) -> Any:
    with Client(url) as client:
        answer = client.post("/v1/predict", json=a_row(), params={"timeout": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def poll(url: str, task_id: str) -> Any:
    with Client(url) as client:
        answer = client.get(f"/v1/tasks/{task_id}", params={"wait": 20}).json()
    assert answer["status"] == "done", answer
    return answer["predictions"]


def cut(redis: Redis, kind: str) -> int:
    return int(redis.client_kill_filter(_type=kind, skipme=True))


@pytest.fixture
def expected(private_stack: Stack) -> Any:
    return predict(private_stack.url)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(WAITING) as pool:
        yield pool


def many_waiting(stack: Stack, pool: ThreadPoolExecutor) -> list[Future[Any]]:
    """Requests that wait, half of each kind. The worker must be paused."""
    half = WAITING // 2
    answers = [stack.client.post("/v1/tasks", json=a_row()).json() for _ in range(half)]
    waiting = [pool.submit(poll, stack.url, answer["task_id"]) for answer in answers]
    waiting += [pool.submit(predict, stack.url) for _ in range(half)]
    wait_until(lambda: stack.client.metric("regno_waiters") == WAITING, 10, "all wait")
    return waiting


@pytest.mark.parametrize("kinds", [("pubsub",), ("normal",), ("pubsub", "normal")], ids=str)
def test_connections_cut_while_requests_wait_lose_no_answer(
    private_stack: Stack,
    private_redis: Redis,
    pool: ThreadPoolExecutor,
    expected: Any,
    kinds: tuple[str, ...],
) -> None:
    (worker,) = private_stack.workers
    with worker.paused():
        waiting = many_waiting(private_stack, pool)
        cuts = [cut(private_redis, kind) for kind in kinds]
        assert 0 not in cuts
    assert [future.result(30) for future in waiting] == [expected] * WAITING
    wait_until(lambda: private_stack.client.metric("regno_waiters") == 0, 5, "nobody waits")


def test_results_published_while_nobody_listens_are_found(
    private_stack: Stack, private_redis: Redis, pool: ThreadPoolExecutor, expected: Any
) -> None:
    (worker,) = private_stack.workers
    with ExitStack() as api, worker.paused():
        before = set(private_redis.keys("celery-task-meta-*"))
        waiting = many_waiting(private_stack, pool)
        api.enter_context(private_stack.api.paused())
        assert cut(private_redis, "pubsub") == 2  # one for each api process
        assert private_redis.pubsub_channels() == []
        worker.resume()

        def all_stored() -> bool:
            new = set(private_redis.keys("celery-task-meta-*")) - before
            values = private_redis.mget(new) if new else []
            return sum(value is not None and b'"SUCCESS"' in value for value in values) == WAITING

        wait_until(all_stored, 10, "the worker has answered all")
        api.close()
        assert [future.result(30) for future in waiting] == [expected] * WAITING


def test_connections_that_are_cut_again_and_again_lose_no_answer(
    private_stack: Stack, private_redis: Redis, pool: ThreadPoolExecutor, expected: Any
) -> None:
    finished = threading.Event()

    def keep_cutting() -> int:
        cuts = 0
        while not finished.wait(0.1):
            cuts += cut(private_redis, "pubsub") + cut(private_redis, "normal")
        return cuts

    with ThreadPoolExecutor(1) as scissors:
        cuts = scissors.submit(keep_cutting)
        try:
            answers = list(pool.map(predict, [private_stack.url] * 300))
        finally:
            finished.set()
    assert answers == [expected] * 300
    assert cuts.result(5) > 0
