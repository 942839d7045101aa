"""No message ends a worker or keeps it from its work, whatever is in it."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kombu.connection import Connection
from redis import Redis

from ops.local.programs import ROOT, free_port
from shared.celery_app import make_celery
from shared.queues import DEAD_QUEUE
from shared.results import decode_failure, decode_result, result_key
from shared.settings import ApiSettings, load
from tests.builders import a_row
from tests.hostile.attack import GoodCaller, publishing, send_all, wait_empty
from tests.hostile.encoding import RawMessage, properties
from tests.hostile.messages import Hostile, hostile_messages
from tests.processes import child_environment, wait_until
from tests.scrape import Scrape, settled
from tests.servers import Servers
from tests.stack import Stack

MESSAGES = hostile_messages()
LOG_BYTES = 200_000
"""What a worker may write of all of them: a line a second, and an error of each kind."""


class Attacked:
    """A stack of its own that every hostile message was sent to, in both lanes."""

    def __init__(self, stack: Stack, metrics_url: str) -> None:
        self.stack = stack
        self.metrics_url = metrics_url
        self.pids = [worker.pid for worker in stack.workers]
        with GoodCaller(stack.url, per_second=20) as self.good:
            self.refused_by_rabbitmq = send_all(stack, MESSAGES)
            wait_empty(stack)
        self.answer = stack.client.post("/v1/predict?timeout=10", json=a_row())


@pytest.fixture(scope="module")
def attacked(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    port = free_port()
    settings = {"REGNO_METRICS_PORT": str(port), "REGNO_METRICS_HOST": "127.0.0.1"}
    stack = Stack(
        servers.rabbit.add_vhost("hostile"),
        servers.redis.url.removesuffix("/0") + "/3",
        tmp_path_factory.mktemp("hostile"),
        settings=settings,
    )
    try:
        stack.wait_ready()
        yield Attacked(stack, f"http://127.0.0.1:{port}/metrics")
    finally:
        stack.close()


@pytest.fixture(scope="module")
def redis(attacked: Attacked) -> Iterator[Redis]:
    with Redis.from_url(attacked.stack.environment["REGNO_REDIS_URL"]) as redis:
        yield redis


def test_there_are_enough_of_them() -> None:
    assert len({message.name for message in MESSAGES}) == len(MESSAGES) >= 150


def test_no_worker_ends_and_everybody_else_is_answered(attacked: Attacked) -> None:
    assert [worker.pid for worker in attacked.stack.workers if worker.running()] == attacked.pids
    assert attacked.good.wrong == []
    assert attacked.good.right
    assert attacked.answer.status_code == 200, attacked.stack.story()


def test_little_is_logged_of_them(attacked: Attacked) -> None:
    [worker] = attacked.stack.workers
    assert worker.log.stat().st_size < LOG_BYTES
    text = worker.log.read_text(encoding="utf-8")
    assert "dead-lettered a message" in text
    assert "dropped a message" in text
    assert "an error that nobody foresaw" not in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    "message", [m for m in MESSAGES if m.task_id], ids=lambda message: message.name[:60]
)
def test_whoever_waits_for_such_a_task_is_told_that_it_failed(
    message: Hostile, redis: Redis
) -> None:
    stored = redis.get(result_key(message.task_id))
    assert isinstance(stored, bytes)
    result = decode_result(stored)
    assert result.status == "FAILURE"
    assert decode_failure(result).exc_message


def test_what_is_no_task_is_kept_for_an_operator_and_counted(attacked: Attacked) -> None:
    with Connection(attacked.stack.environment["REGNO_BROKER_URL"]) as connection:
        kept = connection.channel().queue_declare(DEAD_QUEUE, passive=True).message_count
    refused = settled(lambda: Scrape(attacked.metrics_url).value("regno_refused_messages_total"))
    assert kept == refused / 2  # those of one of the two lanes
    assert kept > len(MESSAGES) / 2


def dead_letters(attacked: Attacked, *arguments: str) -> str:
    """What the operator's command prints; it must not fail."""
    command = [sys.executable, "-m", "ops.dead_letters", *arguments]
    done = subprocess.run(
        command,
        env=child_environment(attacked.stack.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_operator_can_look_at_all_that_was_kept(attacked: Attacked) -> None:
    listed = json.loads(dead_letters(attacked, "list", "--json"))
    assert len(listed) > len(MESSAGES) / 2
    table = dead_letters(attacked, "list")
    assert all(line.isprintable() for line in table.splitlines())
    shown = dead_letters(attacked, "show", *{letter["task_id"]: 1 for letter in listed[:1]})
    assert all(line.isprintable() for line in shown.splitlines())


CONTROL = "celery.pidbox"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b"[" * 100_000, b'{"method": 5}', b"\xff", b'{"method": "x", "destination": 5}'],
    ids=["a list", "nothing", "deep", "a number", "no UTF-8", "a destination that is a number"],
)
def test_no_remote_control_message_ends_a_worker(attacked: Attacked, body: bytes) -> None:
    stack = attacked.stack

    def refused() -> float:
        return Scrape(attacked.metrics_url).value("regno_refused_messages_total")

    before = settled(refused)
    encoded = properties({"content_type": "application/json", "headers": {"clock": 2**63 - 1}})
    with publishing(stack.environment["REGNO_BROKER_URL"]) as channel:
        channel.basic_publish_confirm(RawMessage(body, encoded), exchange=CONTROL)
    wait_until(lambda: refused() > before, 10, "the message was refused")
    with make_celery(load(ApiSettings, stack.environment)) as celery:
        assert len(celery.control.ping(timeout=5, limit=1)) == 1
    [worker] = stack.workers
    assert "Connection to broker lost" not in worker.log.read_text(encoding="utf-8")
