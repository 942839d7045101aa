"""Many clients at once: no error, and nothing left behind.

``REGNO_TEST_SECONDS`` (5 to 60) says for how long they ask.
"""

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from tests.builders import a_row
from tests.processes import wait_until
from tests.stack import Client, Stack

CLIENTS = 32
SECONDS = min(60.0, max(5.0, float(os.environ.get("REGNO_TEST_SECONDS", "5"))))


def reg(client: Client, row: Any) -> Any:
    answer = client.post("/reg/", json=row)
    assert answer.status_code == 200, answer.text
    return answer.json()["body"]


def predict(client: Client, row: Any) -> Any:
    answer = client.post("/v1/predict", json=row, params={"timeout": 10})
    assert answer.status_code == 200, answer.text
    (prediction,) = answer.json()["predictions"]
    return prediction


def task(client: Client, row: Any) -> Any:
    accepted = client.post("/v1/tasks", json=row)
    assert accepted.status_code == 202, accepted.text
    answer = client.get(accepted.headers["Location"], params={"wait": 10}).json()
    assert answer["status"] == "done", answer
    (prediction,) = answer["predictions"]
    return prediction


MIXES: dict[str, list[Callable[[Client, Any], Any]]] = {
    "the customer's call alone": [reg],
    "all calls and long polls": [reg, predict, task, task],
}


@pytest.mark.parametrize("calls", MIXES.values(), ids=MIXES)
def test_many_clients_at_once_get_their_answers_and_leave_nothing_behind(
    private_stack: Stack, private_redis: Redis, calls: list[Callable[[Client, Any], Any]]
) -> None:
    rows = [a_row(direction=i % 2, afts_regno_ai=f"А{i:03}ВК77") for i in range(CLIENTS)]
    expected = [reg(private_stack.client, row) for row in rows]
    assert len({answer["positive"] for answer in expected}) > 2  # a mix-up would show
    stop_at = time.monotonic() + SECONDS

    def ask(number: int) -> list[tuple[str, float]]:
        call = calls[number % len(calls)]
        took = []
        with Client(private_stack.url) as client:
            while (began := time.monotonic()) < stop_at:
                assert call(client, rows[number]) == expected[number]
                took.append((call.__name__, time.monotonic() - began))
        return took

    with ThreadPoolExecutor(CLIENTS) as pool:
        by_client = list(pool.map(ask, range(CLIENTS)))
    assert all(by_client), "a client that got no answer at all"
    report([took for client in by_client for took in client])

    assert len(private_redis.pubsub_channels("regno.reply.*")) == 2  # one an api process
    assert private_redis.pubsub_channels("celery-task-meta-*") == []
    wait_until(lambda: private_stack.client.metric("regno_waiters") == 0, 5, "nobody waits")


def report(took: list[tuple[str, float]]) -> None:
    """Prints what was measured; ``pytest -rP`` shows it."""
    for name, count in Counter(name for name, _ in took).items():
        cuts = statistics.quantiles([ms * 1000 for call, ms in took if call == name], n=100)
        p50, p95, p99 = cuts[49], cuts[94], cuts[98]
        line = f"{name}: {count} calls, ms p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}"
        print(line)  # noqa: T201 - the measurement
