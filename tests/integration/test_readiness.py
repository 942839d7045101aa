"""``/readyz`` names what is missing; posts are refused quickly until it is back by itself."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from tests.builders import a_row
from tests.processes import wait_until
from tests.servers import Servers
from tests.stack import Client, Stack

BOUND = 3
"""Seconds within which a request that cannot be taken is refused."""

POSTS = ("/reg/", "/v1/predict", "/v1/tasks")


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("own_servers"))
    yield servers
    servers.close()


@pytest.fixture(scope="module")
def own_stack(own_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("own_stack")
    settings = {"REGNO_DRAIN_FILE": str(folder / "draining")}
    stack = Stack(own_servers.rabbit.url, own_servers.redis.url, folder, settings=settings)
    stack.wait_ready()
    yield stack
    stack.close()


@pytest.fixture(autouse=True)
def everything_works_before_and_after(own_stack: Stack) -> Iterator[None]:
    assert_serves(own_stack)
    yield
    own_stack.wait_ready(60)
    assert_serves(own_stack)


def assert_serves(stack: Stack) -> None:
    answer = stack.client.post("/v1/predict", json=a_row(), params={"timeout": 10})
    assert answer.status_code == 200, answer.text
    accepted = stack.client.post("/v1/tasks", json=a_row())
    assert accepted.status_code == 202, accepted.text
    done = stack.client.get(accepted.headers["Location"], params={"wait": 10}).json()
    assert done["status"] == "done", done


def checks(client: Client) -> Any:
    """What ``/readyz`` says of each part that is not fine."""
    answer = client.get("/readyz")
    body = answer.json()
    bad = {part: said for part, said in body["checks"].items() if said != "ok"}
    assert (answer.status_code, body["status"]) == ((503, "not ready") if bad else (200, "ready"))
    return bad


def wait_not_ready(client: Client, part: str, seconds: float = 10) -> None:
    wait_until(lambda: part in checks(client), seconds, f"{part} is reported")
    assert client.get("/livez").json() == {"status": "ok"}


def timed_post(client: Client, path: str) -> tuple[requests.Response, float]:
    began = time.monotonic()
    answer = client.post(path, json=a_row())
    return answer, time.monotonic() - began


def assert_refused(client: Client, *paths: str) -> None:
    for path in paths:
        answer, took = timed_post(client, path)
        assert answer.status_code == 503, (path, answer.text)
        assert int(answer.headers["Retry-After"]) >= 1
        assert took < BOUND, path


@contextmanager
def memory_alarm(servers: Servers) -> Iterator[None]:
    """RabbitMQ takes nothing from publishers while the context lasts."""
    servers.rabbit.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        yield
    finally:
        servers.rabbit.ctl("set_vm_memory_high_watermark", "0.4")


def test_without_rabbitmq_posts_are_refused_until_it_is_back(
    own_servers: Servers, own_stack: Stack
) -> None:
    own_servers.rabbit.process.stop()
    try:
        wait_not_ready(own_stack.client, "broker")
        assert_refused(own_stack.client, *POSTS * 2)
        assert "redis" not in checks(own_stack.client)
    finally:
        own_servers.rabbit.start()
    own_servers.rabbit.wait_ready()
    own_stack.wait_ready(30)
    assert own_stack.workers[0].running()


def test_a_front_door_answers_nobody_before_it_has_connected(
    own_stack: Stack, tmp_path: Path
) -> None:
    environment = dict(own_stack.environment)
    broker_url, redis_url = (environment.pop(f"REGNO_{part}_URL") for part in ("BROKER", "REDIS"))
    with closing(Stack(broker_url, redis_url, tmp_path, workers=0, settings=environment)) as door:
        wait_until(lambda: door.readiness() is not None, 30, "it answers")
        for _ in range(20):
            with Client(door.url) as client:  # either of its processes may be the one that answers
                assert checks(client) == {}


def test_a_rabbitmq_that_is_mute_does_not_hold_requests_up(
    own_servers: Servers, own_stack: Stack
) -> None:
    with own_servers.rabbit.process.paused():
        assert_refused(own_stack.client, *POSTS * 2)
        wait_not_ready(own_stack.client, "broker")


def test_a_rabbitmq_short_of_memory_is_a_broker_that_is_missing(
    own_servers: Servers, own_stack: Stack
) -> None:
    with memory_alarm(own_servers):
        assert_refused(own_stack.client, *POSTS * 2)
        wait_not_ready(own_stack.client, "broker")
        began = time.monotonic()
        while time.monotonic() < began + 1.5:  # it is no rest between two attempts
            assert "broker" in checks(own_stack.client)


def test_without_redis_posts_are_refused_until_it_is_back(
    own_servers: Servers, own_stack: Stack
) -> None:
    own_servers.redis.process.stop()
    try:
        wait_not_ready(own_stack.client, "redis")
        assert "broker" not in checks(own_stack.client)
        assert_refused(own_stack.client, *POSTS)
        answer = own_stack.client.get("/v1/tasks/any")
        assert answer.status_code == 503
    finally:
        own_servers.redis.start()
    own_servers.redis.wait_ready()
    own_stack.wait_ready(30)


def test_a_redis_that_is_mute_does_not_hold_requests_up(
    own_servers: Servers, own_stack: Stack
) -> None:
    with own_servers.redis.process.paused():
        wait_not_ready(own_stack.client, "redis")
        assert_refused(own_stack.client, "/reg/", "/v1/tasks")


def test_a_front_door_that_hears_no_results_is_not_ready_though_redis_answers(
    own_servers: Servers, own_stack: Stack
) -> None:
    with own_servers.redis.refusing("subscribe"), Redis.from_url(own_servers.redis.url) as redis:
        assert redis.client_kill_filter(_type="pubsub", skipme=True) >= 1
        wait_not_ready(own_stack.client, "redis")
        assert set(checks(own_stack.client)) == {"redis"}
        answer = own_stack.client.post("/v1/predict", json=a_row(), params={"timeout": 0.5})
        assert answer.status_code == 503
    own_stack.wait_ready(10)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_without_workers_the_service_is_not_ready(own_stack: Stack, how: str) -> None:
    (worker,) = own_stack.workers
    if how == "stopped":
        assert worker.stop() == 0
    else:
        worker.kill()
    try:
        wait_not_ready(own_stack.client, "workers")
        assert set(checks(own_stack.client)) == {"workers"}
    finally:
        own_stack.replace_worker(worker)


def test_a_front_door_that_is_to_be_stopped_is_not_ready_and_answers_what_comes(
    own_stack: Stack,
) -> None:
    drain_file = Path(own_stack.environment["REGNO_DRAIN_FILE"])
    drain_file.touch()
    try:
        wait_not_ready(own_stack.client, "front_door")
        assert_serves(own_stack)
    finally:
        drain_file.unlink()
