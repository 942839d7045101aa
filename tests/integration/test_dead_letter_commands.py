"""``python -m ops.dead_letters`` on real servers: what an operator sees, and what callers see."""

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Producer
from redis import Redis

from ops.local.programs import LOOPBACK, ROOT
from shared.messages import CHUNKS_HEADER, Chunk, TaskMessage, task_message
from shared.queues import DEAD_QUEUE, DELIVERY_LIMIT, Lane, dead_queue
from shared.results import encode_unfinished, result_key
from shared.rows import RowReader
from shared.settings import WorkerSettings
from tests.builders import a_row
from tests.failing_worker import DEADLY
from tests.kept_alive import KeptAlive
from tests.processes import wait_until
from tests.servers import Servers
from tests.shifted_clock import OPERATOR_SHIFT
from tests.stack import Stack

PROGRAM = "ops.dead_letters"
COMMAND = (sys.executable, "-m", PROGRAM)
ONCE_TOO_OFTEN = {"x-delivery-count": DELIVERY_LIMIT}
"""What RabbitMQ adds to a message that it delivers for the last time: the worker gives it up."""

MANY = 3000


@pytest.fixture(scope="module")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One worker, which some rows kill, on a queue and a Redis database of their own."""
    stack = Stack(
        servers.rabbit.add_vhost("letters"),
        servers.redis.url.removesuffix("/0") + "/9",
        tmp_path_factory.mktemp("letters"),
        api="tests.failing_api",
        worker="tests.failing_worker",
    )
    stack.wait_ready()
    yield stack
    stack.close()


@pytest.fixture(autouse=True)
def _no_letters(stack: Stack) -> Iterator[None]:
    """Each test begins and ends with an empty queue."""
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        dead = dead_queue()(connection.channel())
        dead.purge()
        yield
        dead.purge()


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.environment["REGNO_REDIS_URL"]) as client:
        yield client


def run(
    stack: Stack,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    program: str = PROGRAM,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        env={**os.environ, **stack.environment, **(settings or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def done(stack: Stack, *arguments: str) -> str:
    """What a command says that does what it was told."""
    ended = run(stack, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def listed(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done(stack, "list", "--json"))
    return found


def a_task(*, chunk: Chunk | None = None, **fields: Any) -> TaskMessage:
    """A task of one row; its time to be done is long over."""
    reader = RowReader(WorkerSettings(broker_url="amqp://", redis_url="redis://"))
    task_id = str(uuid.uuid4())
    return task_message(
        Lane.ASYNC,
        task_id,
        reader.read_objects([a_row(**fields)]),
        expires_at=1.0,
        expires_in=1.0,
        request_id=f"request {task_id}",
        chunk=chunk,
    )


def put(stack: Stack, queue: str, *messages: TaskMessage, **headers: Any) -> None:
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        producer = Producer(connection.channel())
        for message in messages:
            producer.publish(
                message.body,
                routing_key=queue,
                headers={**message.headers, **headers},
                **message.properties,
            )


def letters_are(stack: Stack, count: int) -> None:
    """Waits until there are so many."""
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        channel = connection.channel()

        def there() -> bool:
            found = channel.queue_declare(DEAD_QUEUE, passive=True)
            return bool(found.message_count == count)

        wait_until(there, 30, f"{count} letters")


def given_up(stack: Stack, **fields: Any) -> TaskMessage:
    """A task that a worker has given up; its letter is there."""
    task = a_task(**fields)
    put(stack, Lane.ASYNC, task, expires=None, **ONCE_TOO_OFTEN)
    letters_are(stack, 1)
    return task


def state(stack: Stack, task_id: str, wait: float = 0) -> dict[str, Any]:
    answer = stack.client.get(f"/v1/tasks/{task_id}", params={"wait": wait} if wait else {})
    told: dict[str, Any] = answer.json()
    return told


def test_list_says_whose_letter_it_is_and_why_and_nothing_that_was_sent(stack: Stack) -> None:
    assert done(stack, "list") == "regno.dead is empty\n"
    assert listed(stack) == []
    task = given_up(stack, afts_regno_ai="SECRET")
    [letter] = listed(stack)
    assert letter.pop("died_at")[:2] == "20"
    assert letter == {
        "task_id": task.task_id,
        "request_id": f"request {task.task_id}",
        "reason": "rejected",
        "deaths": 1,
        "rows": 1,
    }
    headings, line = done(stack, "list").splitlines()
    assert headings.split()[:2] == ["TASK", "REQUEST"]
    assert line.startswith(f"{task.task_id}  request {task.task_id}  20")
    assert line.split()[-3:] == ["rejected", "1", "1"]
    assert "SECRET" not in line


def test_show_tells_headers_and_rows(stack: Stack) -> None:
    task = given_up(stack, afts_regno_ai="SECRET")
    told = json.loads(done(stack, "show", task.task_id))
    assert [row["afts_regno_ai"] for row in told["rows"]] == ["SECRET"]
    assert told["headers"]["id"] == task.task_id
    assert told["headers"]["x-death"][0]["queue"] == Lane.ASYNC
    assert told["properties"]["content_type"] == "application/json"
    letters_are(stack, 1)


def test_a_replayed_task_is_queued_and_then_done(stack: Stack, redis: Redis) -> None:
    task = given_up(stack)
    assert state(stack, task.task_id)["status"] == "failed"
    with stack.workers[0].paused():
        said = done(stack, "replay", task.task_id)
        assert state(stack, task.task_id)["status"] == "queued"
        assert redis.ttl(result_key(task.task_id)) > 3600
    assert f"{task.task_id} (request request {task.task_id}, rows: 1, rejected): replayed" in said
    ended = state(stack, task.task_id, wait=20)
    assert ended["status"] == "done"
    reference = stack.client.post("/v1/predict", json=a_row()).json()
    assert ended["predictions"] == reference["predictions"]
    assert listed(stack) == []


def test_a_task_whose_time_is_over_gets_a_new_one(stack: Stack) -> None:
    task = a_task()
    put(stack, DEAD_QUEUE, task)
    done(stack, "replay", "--all")
    assert state(stack, task.task_id, wait=20)["status"] == "done"


def test_a_replayed_task_is_done_though_the_operators_clock_is_an_hour_behind(
    stack: Stack,
) -> None:
    task = a_task()
    put(stack, DEAD_QUEUE, task)
    settings = {OPERATOR_SHIFT: "-3600", "REGNO_TASK_TTL": "60"}
    program = "tests.shifted_dead_letters"
    ended = run(stack, "replay", task.task_id, settings=settings, program=program)
    assert ended.returncode == 0, ended.stderr
    assert state(stack, task.task_id, wait=20)["status"] == "done"


def test_a_replayed_message_that_kills_again_is_dead_lettered_again(stack: Stack) -> None:
    task = given_up(stack, afts_regno_ai=DEADLY)
    with KeptAlive(stack) as kept_alive:
        done(stack, "replay", task.task_id)
        letters_are(stack, 1)
        stack.wait_ready()
    assert kept_alive.deaths == 4
    assert state(stack, task.task_id)["status"] == "failed"
    [letter] = listed(stack)
    assert (letter["task_id"], letter["deaths"]) == (task.task_id, 2)


def test_dropping_removes_what_it_names_and_nothing_else(stack: Stack) -> None:
    tasks = [a_task() for _ in range(4)]
    put(stack, DEAD_QUEUE, *tasks)
    said = done(stack, "drop", tasks[2].task_id, tasks[0].task_id)
    assert [line.split()[0] for line in said.splitlines()] == [tasks[0].task_id, tasks[2].task_id]
    assert all(line.endswith(": dropped") for line in said.splitlines())
    assert [one["task_id"] for one in listed(stack)] == [tasks[1].task_id, tasks[3].task_id]
    done(stack, "drop", "--all")
    assert listed(stack) == []


@pytest.mark.parametrize("status", ["PENDING", "STARTED"])
def test_a_task_that_nobody_has_ended_fails_when_it_is_dropped(
    stack: Stack, redis: Redis, status: Any
) -> None:
    task = a_task()
    redis.set(result_key(task.task_id), encode_unfinished(status, task.task_id), ex=60)
    put(stack, DEAD_QUEUE, task)
    done(stack, "drop", task.task_id)
    told = state(stack, task.task_id)
    assert told["status"] == "failed"
    assert told["error"]["detail"] == "Given up: dropped by an operator"


def test_an_end_that_was_told_stays_when_the_letter_is_dropped(stack: Stack) -> None:
    task = given_up(stack)
    before = state(stack, task.task_id)
    done(stack, "drop", "--all")
    after = state(stack, task.task_id)
    assert after["error"]["detail"] == before["error"]["detail"]


def test_what_cannot_be_replayed_stays_where_it_is(stack: Stack) -> None:
    chunk = a_task(chunk=Chunk("an array", 0, 2, 0))
    no_task = a_task()._replace(headers={"lang": "py"}, body=b"hello")
    whole = a_task()
    put(stack, DEAD_QUEUE, chunk, no_task, whole)
    ended = run(stack, "replay", "--all")
    assert ended.returncode == 1
    said = ended.stdout.splitlines()
    assert "the other parts of its array are not kept" in said[0]
    assert "it is no task" in said[1]
    assert said[2].endswith(": replayed")
    left = listed(stack)
    assert [one["task_id"] for one in left[:1]] == [chunk.task_id]
    name = left[1]["task_id"]
    assert name.startswith("message-")
    assert json.loads(done(stack, "show", name))["body"] == "hello"
    assert json.loads(done(stack, "show", chunk.task_id))["headers"][CHUNKS_HEADER] == 2
    done(stack, "drop", name, chunk.task_id)


def test_a_replay_that_was_cut_off_before_it_was_sent_can_be_repeated(
    stack: Stack, redis: Redis
) -> None:
    task = a_task()
    redis.set(result_key(task.task_id), encode_unfinished("PENDING", task.task_id), ex=60)
    put(stack, DEAD_QUEUE, task)
    done(stack, "replay", task.task_id)
    assert state(stack, task.task_id, wait=20)["status"] == "done"


def test_a_replay_that_was_cut_off_after_it_was_sent_does_nothing_twice(stack: Stack) -> None:
    task = given_up(stack)
    done(stack, "replay", task.task_id)
    before = state(stack, task.task_id, wait=20)
    put(stack, DEAD_QUEUE, task)
    assert "removed: it is done" in done(stack, "replay", task.task_id)
    assert state(stack, task.task_id) == before
    assert listed(stack) == []


def test_a_task_that_its_caller_has_cancelled_stays_cancelled(stack: Stack) -> None:
    task = given_up(stack)
    with stack.workers[0].paused():
        done(stack, "replay", task.task_id)
        assert stack.client.delete(f"/v1/tasks/{task.task_id}").status_code == 200
        put(stack, DEAD_QUEUE, task)
        assert "removed: it is cancelled" in done(stack, "replay", task.task_id)
    assert state(stack, task.task_id)["status"] == "cancelled"


def test_thousands_are_listed_and_a_replay_that_is_killed_loses_none(
    stack: Stack, redis: Redis
) -> None:
    tasks = [a_task(direction=n % 2) for n in range(MANY)]
    put(stack, DEAD_QUEUE, *tasks)
    letters_are(stack, MANY)
    assert [one["task_id"] for one in listed(stack)] == [task.task_id for task in tasks]
    with subprocess.Popen(
        [*COMMAND, "replay", "--all"],
        env={**os.environ, **stack.environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as replay:
        assert replay.stdout
        for _ in range(MANY // 10):
            replay.stdout.readline()
        replay.send_signal(signal.SIGKILL)
    said = run(stack, "replay", "--all")
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("\n") < MANY

    def all_done() -> bool:
        stored = redis.mget([result_key(task.task_id) for task in tasks])
        return all(value and b'"SUCCESS"' in value for value in stored)

    wait_until(all_done, 60, "every task is done")
    assert listed(stack) == []


def test_a_letter_may_be_looked_at_as_often_as_one_likes() -> None:
    arguments: dict[str, Any] = vars(dead_queue())["queue_arguments"]
    assert arguments["x-delivery-limit"] > 1_000_000_000


def test_two_commands_at_once_do_not_take_letters_from_one_another(stack: Stack) -> None:
    put(stack, DEAD_QUEUE, a_task())
    with Connection(stack.environment["REGNO_BROKER_URL"]) as other:
        other.channel().queue_declare("regno.dead.operator", exclusive=True)
        ended = run(stack, "drop", "--all")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Another command looks at the dead letters: wait for its end\n"
    assert len(listed(stack)) == 1


@pytest.mark.parametrize("action", ["show", "replay", "drop"])
def test_an_id_that_is_not_there_is_named(stack: Stack, action: str) -> None:
    put(stack, DEAD_QUEUE, a_task())
    ended = run(stack, action, "nobody")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "nobody: no such letter in regno.dead\n"
    assert len(listed(stack)) == 1


@pytest.mark.parametrize("action", [["list"], ["show", "1"], ["replay", "--all"], ["drop", "1"]])
def test_without_rabbitmq_it_says_so_in_a_line(stack: Stack, action: list[str]) -> None:
    nowhere = {"REGNO_BROKER_URL": "amqp://regno:secret@127.0.0.1:1//"}
    ended = run(stack, *action, settings=nowhere)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("RabbitMQ: ")
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr


def test_a_rabbitmq_that_is_mute_is_not_waited_for(stack: Stack) -> None:
    with socket.create_server((LOOPBACK, 0)) as mute:
        url = f"amqp://regno:secret@{LOOPBACK}:{mute.getsockname()[1]}//"
        ended = run(stack, "list", settings={"REGNO_BROKER_URL": url})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "RabbitMQ did not answer in time\n"


@pytest.mark.parametrize("action", ["replay", "drop"])
def test_without_redis_nothing_is_replayed_or_dropped(stack: Stack, action: str) -> None:
    put(stack, DEAD_QUEUE, a_task())
    ended = run(stack, action, "--all", settings={"REGNO_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Redis: ")
    assert ended.stderr.count("\n") == 1
    assert len(listed(stack)) == 1


def test_letters_can_be_had_though_the_sync_lane_cannot(stack: Stack, servers: Servers) -> None:
    """RabbitMQ refuses a queue that was declared otherwise, as it does where its node is down."""
    url = servers.rabbit.add_vhost("letters-alone")
    with Connection(url) as connection:
        Queue(Lane.SYNC.value)(connection.channel()).declare()
    ended = run(stack, "list", settings={"REGNO_BROKER_URL": url})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "regno.dead is empty\n"


def test_a_setting_that_is_missing_is_named(stack: Stack) -> None:
    ended = run(stack, "list", settings={"REGNO_BROKER_URL": ""})
    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr.startswith("REGNO_BROKER_URL: ")


@pytest.mark.parametrize("action", [[], ["replay"], ["drop"], ["show"], ["drop", "1", "--all"]])
def test_a_command_that_does_not_say_what_it_is_about_is_refused(
    stack: Stack, action: list[str]
) -> None:
    ended = run(stack, *action)
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: python -m ops.dead_letters")


@pytest.mark.parametrize("action", [[], ["list"], ["show"], ["replay"], ["drop"]])
def test_it_explains_itself(stack: Stack, action: list[str]) -> None:
    said = done(stack, *action, "--help")
    assert said.startswith("usage: python -m ops.dead_letters")
