"""The queue exporter before a real RabbitMQ: queues that fill and empty, alarms, outages."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from kombu.connection import Connection

from ops.local import programs
from ops.local.programs import LOOPBACK, Program, free_port
from ops.queues.management import ManagementApi
from ops.queues.settings import api_address
from shared.metrics import BROKER_UP, CATALOGUE
from shared.queues import DEAD_QUEUE, Lane
from tests.builders import a_row
from tests.processes import Process, wait_until
from tests.scrape import Scrape
from tests.servers import RabbitServer, Servers
from tests.stack import Stack

SOON = 20
"""Seconds; RabbitMQ counts every second here, and is asked every two."""

LENGTH, AGE = "celery_queue_length", "regno_queue_oldest_message_age_seconds"
CONSUMERS, UNACKNOWLEDGED = "celery_active_consumers", "regno_queue_messages_unacknowledged"
MESSAGES = 20


class Watched:
    """A front door without a worker, on a RabbitMQ that an exporter watches."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.rabbit = RabbitServer(folder, watched=True)
        self.rabbit.wait_ready()
        redis_url = servers.redis.url.removesuffix("/0") + "/6"
        self.stack = Stack(self.rabbit.url, redis_url, folder, workers=0)
        port = free_port()
        self._url = f"http://{LOOPBACK}:{port}/metrics"
        exporter = programs.queues(port)
        environment = {**exporter.environment, "REGNO_RABBITMQ_API": self.rabbit.api_url}
        self.exporter = Process(exporter._replace(environment=environment), folder)
        wait_until(lambda: self.answers("checks", "broker"), 30, "the front door has a broker")

    def answers(self, *path: str) -> bool:
        told = self.stack.readiness()
        return told is not None and told.json()[path[0]][path[1]] == "ok"

    def scrape(self) -> Scrape:
        return Scrape(self._url)

    def value(self, name: str, queue: str) -> float:
        return self.scrape().value(name, queue_name=queue)

    def wait_for(self, expected: float, name: str, queue: str) -> None:
        wait_until(lambda: self.value(name, queue) == expected, SOON, f"{name} {queue} {expected}")

    def submit(self, tasks: int) -> None:
        for _ in range(tasks):
            assert self.stack.client.post("/v1/tasks", json=a_row()).status_code == 202

    def close(self) -> None:
        self.exporter.stop()
        self.stack.close()
        self.rabbit.close()


@pytest.fixture(scope="module")
def watched(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    watched = Watched(servers, tmp_path_factory.mktemp("watched"))
    yield watched
    watched.close()


def test_every_metric_of_the_catalogue_is_there_for_every_queue(watched: Watched) -> None:
    expected = {spec.name for spec in CATALOGUE["queues"]}
    wait_until(lambda: watched.scrape().names() == expected, SOON, f"all of {expected}")
    names = (LENGTH, AGE, CONSUMERS, UNACKNOWLEDGED)
    every_queue = {(name, queue) for name in names for queue in (*Lane, DEAD_QUEUE)}

    def measured() -> set[tuple[str, str]]:
        scraped = watched.scrape()
        return {(name, labels["queue_name"]) for name in names for labels in scraped.labels(name)}

    wait_until(lambda: measured() == every_queue, SOON, "each metric of each queue")
    assert watched.scrape().all(BROKER_UP.name) == [1]


def test_a_queue_that_nobody_works_on_fills_and_ages_until_somebody_does(watched: Watched) -> None:
    watched.submit(MESSAGES)
    watched.wait_for(MESSAGES, LENGTH, Lane.ASYNC)
    assert watched.value(CONSUMERS, Lane.ASYNC) == 0
    age = watched.value(AGE, Lane.ASYNC)
    wait_until(lambda: watched.value(AGE, Lane.ASYNC) >= age + 4, SOON, "it ages")
    assert watched.value(AGE, Lane.SYNC) == 0
    worker = watched.stack.add_worker()
    for lane in Lane:
        watched.wait_for(1, CONSUMERS, lane)
        watched.wait_for(0, LENGTH, lane)
        watched.wait_for(0, AGE, lane)
        watched.wait_for(0, UNACKNOWLEDGED, lane)
    with worker.paused():
        watched.submit(3)
        watched.wait_for(3, UNACKNOWLEDGED, Lane.ASYNC)
        assert watched.value(LENGTH, Lane.ASYNC) == 0
    watched.wait_for(0, UNACKNOWLEDGED, Lane.ASYNC)


def test_an_alarm_is_shown_while_it_lasts(watched: Watched) -> None:
    def alarm(resource: str) -> float:
        return watched.scrape().value("regno_broker_alarm", resource=resource)

    assert (alarm("memory"), alarm("disk")) == (0, 0)
    watched.rabbit.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        wait_until(lambda: alarm("memory") == 1, SOON, "the alarm is shown")
        assert alarm("disk") == 0
    finally:
        watched.rabbit.ctl("set_vm_memory_high_watermark", "0.8")
    wait_until(lambda: alarm("memory") == 0, SOON, "it is over")


def test_while_rabbitmq_does_not_answer_only_that_is_shown(watched: Watched) -> None:
    with watched.rabbit.process.paused():
        wait_until(lambda: watched.scrape().all(BROKER_UP.name) == [0], SOON, "it is missed")
        assert watched.scrape().names() == {BROKER_UP.name}
    wait_until(lambda: watched.scrape().all(BROKER_UP.name) == [1], SOON, "it is back")
    expected = {spec.name for spec in CATALOGUE["queues"]}
    assert watched.scrape().names() == expected


def test_a_queue_of_which_nothing_but_reading_was_counted_is_no_riddle(watched: Watched) -> None:
    """RabbitMQ writes ``[]`` for an object without fields."""
    url = f"{watched.rabbit.api_url}/api/queues/%2F/looked-into?columns=message_stats.publish"
    with Connection(watched.rabbit.url) as connection:
        channel = connection.default_channel
        channel.queue_declare("looked-into", exclusive=True)
        assert channel.basic_get("looked-into") is None
        wait_until(
            lambda: requests.get(url, timeout=5).json() == {"message_stats": []}, SOON, "counted"
        )
        queues = ManagementApi(api_address(watched.rabbit.api_url)).read().queues
    assert queues["looked-into"].published == 0


def test_rabbitmqs_own_metrics_are_served_too(watched: Watched) -> None:
    assert "rabbitmq_queue_messages_ready" in Scrape(watched.rabbit.metrics_url).names()


@pytest.mark.parametrize(
    "environment", [{"REGNO_RABBITMQ_API": ""}, {"REGNO_RABBITMQ_API": "amqp://me:secret@host"}]
)
def test_a_wrong_address_ends_it_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    program = Program("queues", (sys.executable, "-m", "ops.queues"), environment, 0)
    process = Process(program, tmp_path)
    assert process.wait(20) == 78
    assert "REGNO_RABBITMQ_API" in process.tail()
    assert "secret" not in process.tail()


def test_a_port_that_is_taken_is_named(watched: Watched, tmp_path: Path) -> None:
    program = programs.queues(watched.rabbit.port)
    environment = {**program.environment, "REGNO_RABBITMQ_API": watched.rabbit.api_url}
    process = Process(program._replace(environment=environment), tmp_path)
    assert process.wait(20) == 78
    assert f"REGNO_METRICS_PORT: {LOOPBACK}:{watched.rabbit.port}" in process.tail()
