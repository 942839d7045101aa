"""After real traffic every metric is there, and says what happened."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from ops.local.programs import LOOPBACK, free_port, serving_metrics
from shared.instruments import HistogramSpec
from shared.metrics import CATALOGUE
from shared.queues import Lane
from tests.builders import a_row
from tests.celery_client import publish
from tests.processes import Process, wait_until
from tests.scrape import Scrape
from tests.servers import Servers
from tests.stack import Client, Stack
from worker.counts import WATCHED_INPUTS

SINGLE_ROWS = 20
ARRAY_ROWS, CHUNKS = 25, 3
TASKS = 5
ROWS = SINGLE_ROWS + ARRAY_ROWS + 1 + TASKS
SOON = 5
"""Seconds; a process shows what it has counted within one."""


class Watched:
    """Two api processes with a cache, and a worker that serves its metrics."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        port = free_port()
        self.worker_url = f"http://{LOOPBACK}:{port}/metrics"
        self.stack = Stack(
            servers.rabbit.add_vhost("metrics"),
            servers.redis.url.removesuffix("/0") + "/5",
            folder,
            settings={
                **serving_metrics(port),
                "API_PROCESSES": "2",
                "REGNO_CHUNK_ROWS": "10",
                "REGNO_CACHE_TTL": "60",
            },
        )
        self.stack.wait_ready()
        (self.worker_process,) = self.stack.workers

    def api(self) -> Scrape:
        return Scrape(f"{self.stack.url}/metrics")

    def worker(self) -> Scrape:
        return Scrape(self.worker_url)

    def publish(self, row: dict[str, Any], **headers: str) -> None:
        publish(self.stack.environment["REGNO_BROKER_URL"], Lane.ASYNC, [row], **headers)


def new_rows(count: int, place: int) -> list[dict[str, Any]]:
    """Rows that no other place in this module sends: the cache knows none of them."""
    return [a_row(afts_regno_ai=f"А{number:03}ВК{place:02}") for number in range(count)]


def predict(client: Client, rows: Any, timeout: float = 20) -> int:
    with Client(client.url) as own:
        return own.post("/v1/predict", json=rows, params={"timeout": timeout}).status_code


def send_everything(watched: Watched) -> None:
    """Every kind of request, and every end that a task can have."""
    client = watched.stack.client
    with ThreadPoolExecutor(8) as pool:
        singles = list(pool.map(lambda row: predict(client, row), new_rows(SINGLE_ROWS, 10)))
    assert singles == [200] * SINGLE_ROWS
    assert predict(client, new_rows(ARRAY_ROWS, 11)) == 200
    (same,) = new_rows(1, 12)
    assert [client.post("/reg/", json=same).status_code for _ in range(2)] == [200, 200]
    accepted = [client.post("/v1/tasks", json=row) for row in new_rows(TASKS, 13)]
    for answer in accepted:
        task = client.get(answer.headers["Location"], params={"wait": 20})
        assert task.json()["status"] == "done"
    with watched.worker_process.paused():
        assert predict(client, new_rows(1, 14), timeout=0.3) == 504
        unwanted = client.post("/v1/tasks", json=a_row()).headers["Location"]
        assert client.delete(unwanted).status_code == 200
    watched.publish({"not": "a row"})
    watched.publish(a_row(), expires=datetime(2021, 8, 1, tzinfo=UTC).isoformat())


@pytest.fixture(scope="module")
def watched(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """After the traffic of ``send_everything``, and no other."""
    watched = Watched(servers, tmp_path_factory.mktemp("watched"))
    send_everything(watched)
    yield watched
    watched.stack.close()


def wait_for(scrape: Callable[[], Scrape], expected: float, metric: str, /, **labels: str) -> None:
    """Fails, saying what is shown instead, where it does not become true."""
    try:
        wait_until(lambda: scrape().value(metric, **labels) == expected, SOON, metric)
    except AssertionError:
        assert (metric, labels, scrape().value(metric, **labels)) == (metric, labels, expected)


@pytest.mark.parametrize("job", ["api", "worker"])
def test_every_metric_of_the_catalogue_is_there(watched: Watched, job: str) -> None:
    expected = {
        f"{spec.name}_count" if isinstance(spec, HistogramSpec) else spec.name
        for spec in CATALOGUE[job]
    }
    scrape = {"api": watched.api, "worker": watched.worker}[job]
    wait_until(lambda: expected <= scrape().names(), SOON, f"all of {expected}")


SYNC_MESSAGES = SINGLE_ROWS + CHUNKS + 2  # the customer's call and the one that was too late


@pytest.mark.parametrize(
    ("what", "lane", "labels", "tasks"),
    [
        ("received", Lane.SYNC, {}, SYNC_MESSAGES),
        ("received", Lane.ASYNC, {}, TASKS + 3),
        ("succeeded", Lane.SYNC, {}, SYNC_MESSAGES - 1),
        ("succeeded", Lane.ASYNC, {}, TASKS),
        ("failed", Lane.SYNC, {}, 0),
        ("failed", Lane.ASYNC, {"exception": "InvalidField"}, 1),
        ("revoked", Lane.SYNC, {"reason": "expired"}, 1),
        ("revoked", Lane.SYNC, {"reason": "cancelled"}, 0),
        ("revoked", Lane.ASYNC, {"reason": "expired"}, 1),
        ("revoked", Lane.ASYNC, {"reason": "cancelled"}, 1),
    ],
)
def test_every_task_has_one_end(
    watched: Watched, what: str, lane: Lane, labels: dict[str, str], tasks: int
) -> None:
    name = f"celery_task_{what}_total"
    wait_for(watched.worker, tasks, name, name="pick_regno", queue_name=lane.value, **labels)


def test_every_row_is_counted_once(watched: Watched) -> None:
    wait_for(watched.worker, ROWS, "regno_batch_rows_sum")
    wait_for(watched.worker, ROWS, "regno_prediction_score_count")
    for feature in WATCHED_INPUTS:
        wait_for(watched.worker, ROWS, "regno_input_value_count", feature=feature)
    worker = watched.worker()
    batches = worker.value("regno_batch_rows_count")
    assert 0 < batches <= ROWS
    for step in ("feature", "predict"):
        assert worker.value(f"regno_{step}_duration_seconds_count") == batches
        assert 0 < worker.value(f"regno_{step}_duration_seconds_sum") < 10
    assert worker.value("regno_store_duration_seconds_count") >= batches


def test_every_message_of_the_front_door_has_waited_in_its_queue(watched: Watched) -> None:
    wait_for(watched.worker, SYNC_MESSAGES, "regno_queue_wait_seconds_count", queue_name=Lane.SYNC)
    wait_for(watched.worker, TASKS + 1, "regno_queue_wait_seconds_count", queue_name=Lane.ASYNC)
    waited = watched.worker().value("regno_queue_wait_seconds_sum", queue_name=Lane.SYNC)
    assert 0.3 < waited < 30  # one of them while the worker stood still


def test_every_message_is_confirmed_in_its_lane(watched: Watched) -> None:
    name = "regno_publish_duration_seconds_count"
    wait_for(watched.api, SYNC_MESSAGES, name, lane="sync")
    wait_for(watched.api, TASKS + 1, name, lane="async")
    assert watched.api().value("regno_publish_failures_total") == 0


def test_requests_are_counted_by_what_became_of_them(watched: Watched) -> None:
    name = "regno_http_requests_total"
    wait_for(watched.api, SINGLE_ROWS + 1, name, route="/v1/predict", status="200")
    wait_for(watched.api, 1, name, route="/v1/predict", status="504")
    wait_for(watched.api, 2, name, route="/reg/", status="200")
    wait_for(watched.api, TASKS + 1, name, route="/v1/tasks", status="202")
    wait_for(watched.api, 1, "regno_deadline_misses_total", route="/v1/predict")
    duration = "regno_http_request_duration_seconds_count"
    wait_for(watched.api, SINGLE_ROWS + 2, duration, route="/v1/predict")
    wait_for(watched.api, 1, "regno_cache_requests_total", outcome="hit")


def test_what_is_in_hand_rises_and_returns_to_nothing(watched: Watched) -> None:
    client = watched.stack.client
    in_flight = "regno_http_requests_in_flight"
    for lane in ("sync", "async"):
        wait_for(watched.api, 0, in_flight, lane=lane)
    with ThreadPoolExecutor(4) as pool:
        with watched.worker_process.paused():
            waiting = [pool.submit(predict, client, row) for row in new_rows(4, 15)]
            wait_for(watched.api, 4, in_flight, lane="sync")
            wait_for(watched.api, 4, "regno_waiters")
        assert [future.result(30) for future in waiting] == [200] * 4
    wait_for(watched.api, 0, in_flight)
    wait_for(watched.api, 0, "regno_waiters")


def test_nothing_unexpected_has_happened(watched: Watched) -> None:
    for scrape in (watched.api(), watched.worker()):
        assert scrape.labels("regno_unexpected_errors_total")
        assert scrape.value("regno_unexpected_errors_total") == 0


def test_the_model_is_known_by_version_and_age(watched: Watched) -> None:
    worker = watched.worker()
    version = watched.stack.client.get("/readyz").json()["workers"][0]["model_version"]
    assert worker.labels("regno_model_info") == [{"version": version}]
    assert worker.all("regno_model_info") == [1]
    loaded = worker.value("regno_model_loaded_timestamp_seconds")
    assert 0 <= time.time() - loaded < 600
    assert worker.value("regno_model_created_timestamp_seconds") < loaded


def good_answers(watched: Watched) -> float:
    return watched.api().value("regno_http_requests_total", route="/v1/predict", status="200")


def api_processes(api: Process) -> set[int]:
    """Process ids of gunicorn's workers."""
    return {child.pid for child in psutil.Process(api.pid).children()}


def replaced(watched: Watched, before: set[int]) -> Callable[[], bool]:
    """Whether two other processes answer in place of those."""

    def condition() -> bool:
        now = api_processes(watched.stack.api)
        try:
            return len(now) == 2 and not now & before and watched.api().names() != set()
        except requests.ConnectionError:
            return False

    return condition


def test_processes_that_end_are_counted_to_the_last_request(watched: Watched) -> None:
    stack = watched.stack
    before = api_processes(stack.api)
    name, labels = "regno_http_requests_total", {"route": "/livez", "status": "200"}
    counted = watched.api().value(name, **labels)
    for _ in range(10):
        assert stack.client.get("/livez").status_code == 200
    psutil.Process(stack.api.pid).send_signal(signal.SIGHUP)
    wait_until(replaced(watched, before), 40, "two new processes")
    wait_for(watched.api, counted + 10, name, **labels)


def test_what_a_killed_process_had_in_hand_is_not_in_hand_any_more(watched: Watched) -> None:
    stack = watched.stack
    before = api_processes(stack.api)
    with ThreadPoolExecutor(4) as pool, watched.worker_process.paused():
        waiting = [pool.submit(predict, stack.client, row) for row in new_rows(4, 16)]
        wait_for(watched.api, 4, "regno_waiters")
        answered = good_answers(watched)
        for pid in before:
            psutil.Process(pid).kill()
        for future in waiting:
            assert isinstance(future.exception(30), requests.ConnectionError)
        wait_until(replaced(watched, before), 40, "two new processes")
        wait_for(watched.api, 0, "regno_waiters")
        wait_for(watched.api, 0, "regno_http_requests_in_flight")
    assert good_answers(watched) == answered


def test_a_front_door_that_starts_does_not_count_for_an_earlier_one(
    watched: Watched, tmp_path: Path
) -> None:
    urls = [watched.stack.environment[name] for name in ("REGNO_BROKER_URL", "REGNO_REDIS_URL")]
    for _ in range(2):
        door = Stack(urls[0], urls[1], tmp_path, workers=0)
        try:
            door.wait_ready()
            assert door.client.get("/livez").status_code == 200
            scrape = Scrape(f"{door.url}/metrics")
            assert scrape.value("regno_http_requests_total", route="/livez") == 1
        finally:
            door.close()
