"""A row that kills every worker that predicts it: it ends, and nobody else suffers for it."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from kombu.connection import Connection
from redis import Redis

from shared.beginnings import BEGINNINGS_PREFIX
from shared.messages import CHUNKS_HEADER
from shared.queues import DEAD_QUEUE, dead_queue
from shared.rows import RowReader
from shared.settings import WorkerSettings
from tests.builders import a_row
from tests.failing_worker import DEADLY, UNFORESEEN
from tests.kept_alive import KeptAlive
from tests.processes import Process, wait_until
from tests.servers import Servers
from tests.stack import API_KEY, SHIPPED_MODEL, Client, Stack
from worker.model import load_model
from worker.suspects import MOST_BEGINNINGS

MOST_DEATHS = 1 + MOST_BEGINNINGS
"""What one poisonous message may cost: its first delivery, in a batch, and its beginnings alone."""

POISON = a_row(afts_regno_ai=DEADLY)
INNOCENT = [a_row(direction=n % 2, recognition_accuracy=float(n)) for n in range(40)]
CHUNK_ROWS = 8


@pytest.fixture(scope="module")
def deadly(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two workers on a queue and a Redis database of their own."""
    stack = Stack(
        servers.rabbit.add_vhost("poison"),
        servers.redis.url.removesuffix("/0") + "/7",
        tmp_path_factory.mktemp("poison"),
        workers=2,
        settings={"REGNO_CHUNK_ROWS": str(CHUNK_ROWS)},
        api="tests.failing_api",
        worker="tests.failing_worker",
    )
    stack.wait_ready()
    yield stack
    stack.close()


@pytest.fixture
def kept_alive(deadly: Stack) -> Iterator[KeptAlive]:
    """At the end of the test both workers are back, and Redis counts only what was given up."""
    with KeptAlive(deadly) as kept:
        yield kept
        deadly.wait_ready()
    with Redis.from_url(deadly.environment["REGNO_REDIS_URL"]) as redis:
        left = redis.keys(f"{BEGINNINGS_PREFIX}*")
        assert all(redis.scard(key) > MOST_BEGINNINGS for key in left)
        redis.delete("another", *left)


@pytest.fixture(scope="module")
def answers() -> list[dict[str, float]]:
    """What the model says of each innocent row."""
    reader = RowReader(WorkerSettings(broker_url="amqp://", redis_url="redis://"))
    predictions = load_model(SHIPPED_MODEL).predict(reader.read_objects(INNOCENT))
    return [{"negative": one.negative, "positive": one.positive} for one in predictions]


def paused(workers: Sequence[Process]) -> ExitStack:
    """All workers are stopped in their tracks while the context lasts: what comes gathers."""
    with ExitStack() as stopped:
        for worker in workers:
            stopped.enter_context(worker.paused())
        return stopped.pop_all()


def submit(client: Client, row: dict[str, Any]) -> str:
    answer = client.post("/v1/tasks", json=row)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def end_of(client: Client, location: str) -> dict[str, Any]:
    """What a task ended with."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found[:] = [client.get(location, params={"wait": 20}).json()]
        return bool(found[0]["status"] != "queued")

    wait_until(ended, 60, f"{location} ends")
    return found[0]


def predict(url: str, row: dict[str, Any]) -> requests.Response:
    """A synchronous call, sent again while the service says that it is to be."""
    found: list[requests.Response] = []
    with requests.Session() as session:

        def answered() -> bool:
            found[:] = [
                session.post(
                    f"{url}/v1/predict",
                    params={"timeout": 30},
                    json=row,
                    headers={"x-api-key": API_KEY},
                    timeout=60,
                )
            ]
            return found[0].status_code != 503

        wait_until(answered, 60, "a synchronous answer")
    return found[0]


def dead_letters(stack: Stack, at_least: int = 0) -> list[Any]:
    """Takes what is in ``regno.dead``, where a message arrives after its task has ended."""
    found: list[Any] = []
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        dead = dead_queue()(connection.channel())

        def taken() -> bool:
            while (letter := dead.get()) is not None:
                letter.ack()
                found.append(letter)
            return len(found) >= at_least

        wait_until(taken, 10, f"{at_least} messages in {DEAD_QUEUE}")
    return found


def test_a_poisonous_task_is_failed_and_kept_and_all_others_are_answered_rightly(
    deadly: Stack, kept_alive: KeptAlive, answers: list[dict[str, float]]
) -> None:
    client = deadly.client
    half = len(INNOCENT) // 2
    with ThreadPoolExecutor(len(INNOCENT)) as pool:
        with paused(deadly.workers):
            tasks = [submit(client, row) for row in INNOCENT[:half]]
            poison = submit(client, POISON)
            tasks += [submit(client, row) for row in INNOCENT[half:]]
            waiting = [pool.submit(predict, deadly.url, row) for row in INNOCENT]
            wait_until(lambda: client.metric("regno_waiters") > 0, 10, "requests wait")
        end = end_of(client, poison)
        ended = [end_of(client, task) for task in tasks]
        replies = [one.result() for one in waiting]
    assert end["status"] == "failed"
    assert end["error"]["status"] == 500
    assert "Given up" in end["error"]["detail"]
    assert [one["status"] for one in ended] == ["done"] * len(INNOCENT)
    assert [one["predictions"] for one in ended] == [[answer] for answer in answers]
    assert [one.status_code for one in replies] == [200] * len(INNOCENT)
    assert [one.json()["predictions"] for one in replies] == [[answer] for answer in answers]
    assert kept_alive.deaths == MOST_DEATHS
    [letter] = dead_letters(deadly, 1)
    assert letter.headers["id"] == poison.rsplit("/", 1)[1]


def test_a_poisonous_request_is_told_that_it_failed_and_kills_no_more(
    deadly: Stack, kept_alive: KeptAlive, answers: list[dict[str, float]]
) -> None:
    with ThreadPoolExecutor(10) as pool:
        with paused(deadly.workers):
            innocent = [pool.submit(predict, deadly.url, row) for row in INNOCENT[:9]]
            poison = pool.submit(predict, deadly.url, POISON)
            wait_until(lambda: deadly.client.metric("regno_waiters") > 0, 10, "requests wait")
        reply = poison.result()
        replies = [one.result() for one in innocent]
    assert reply.status_code == 500
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert "Given up" in reply.json()["detail"]
    assert [one.json()["predictions"] for one in replies] == [[one] for one in answers[:9]]
    assert kept_alive.deaths == MOST_DEATHS
    assert dead_letters(deadly) == []
    said = "".join(worker.tail() for worker in deadly.workers)
    assert f"request {reply.headers['X-Request-ID']} is dropped: Given up" in said


def test_an_error_that_nobody_foresaw_ends_workers_until_its_task_is_given_up(
    deadly: Stack, kept_alive: KeptAlive
) -> None:
    end = end_of(deadly.client, submit(deadly.client, a_row(afts_regno_ai=UNFORESEEN)))
    assert end["status"] == "failed"
    assert "Given up" in end["error"]["detail"]
    assert kept_alive.deaths == MOST_DEATHS
    assert len(dead_letters(deadly, 1)) == 1


def test_a_poisonous_row_in_a_large_array_fails_the_array(
    deadly: Stack, kept_alive: KeptAlive
) -> None:
    rows = INNOCENT[:20]
    rows[13] = POISON
    answer = deadly.client.post("/v1/tasks", json=rows)
    end = end_of(deadly.client, answer.headers["Location"])
    assert end["status"] == "failed"
    assert "Given up" in end["error"]["detail"]
    assert kept_alive.deaths == MOST_DEATHS
    [letter] = dead_letters(deadly, 1)
    assert letter.headers[CHUNKS_HEADER] == 3
    assert letter.headers["group"] == answer.json()["task_id"]


def test_what_a_worker_held_that_was_killed_from_outside_is_simply_done(
    deadly: Stack, kept_alive: KeptAlive, answers: list[dict[str, float]]
) -> None:
    client = deadly.client
    killed = list(deadly.workers)
    for worker in killed:
        worker.send(signal.SIGSTOP)
    tasks = [submit(client, row) for row in INNOCENT]
    for worker in killed:
        worker.kill()
    ended = [end_of(client, task) for task in tasks]
    assert [one["predictions"] for one in ended] == [[answer] for answer in answers]
    assert kept_alive.deaths == len(killed)
    assert dead_letters(deadly) == []
