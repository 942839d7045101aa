"""The guards behind the promises, each with the tests that fail when it is taken out."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_FAULTS = "tests/faults"
_RABBITMQ = f"{_FAULTS}/test_rabbitmq.py::test_without_rabbitmq_nothing_accepted_is_lost"
_WORKERS_DIE = f"{_FAULTS}/test_workers_die.py::test_workers_that_die_take_no_request_with_them"
_FRONT_DOORS = f"{_FAULTS}/test_front_doors.py::test_callers_are_answered_or_told_in_time"
_REDIS = f"{_FAULTS}/test_redis.py::test_without_redis_nothing_accepted_is_lost"
_DEAD_LETTERS = "tests/integration/test_dead_letters.py"
_ENDS = "tests/integration/test_ends.py"
_STOPS = "tests/integration/test_front_door_stops.py"


class Change(NamedTuple):
    """Text of a file, which stands there once, and what takes its place."""

    path: str
    old: str
    new: str


class Guard(NamedTuple):
    """What is taken out, and who notices."""

    name: str
    without: str
    """What the service does then."""
    changes: Sequence[Change]
    tests: Sequence[str]
    """As pytest takes them; each of them fails."""


GUARDS = (
    Guard(
        "publisher confirms",
        "Says 202 as soon as a message was written to the socket.",
        [
            Change(
                "api/dispatch/links.py",
                "        while self._unconfirmed:\n            # Never 0",
                "        while False:\n            # Never 0",
            )
        ],
        [f"{_RABBITMQ}[RabbitMQ mute, then killed]"],
    ),
    Guard(
        "acknowledgement after the result",
        "Acknowledges a batch before it is predicted.",
        [
            Change(
                "worker/batcher.py",
                "            outcomes = self._predictor.outcomes(batch)\n",
                "            messages = [job.message for job in batch]\n"
                "            acknowledge(messages, [], self._connection_errors)\n"
                "            outcomes = self._predictor.outcomes(batch)\n",
            ),
            Change(
                "worker/batcher.py",
                "        acknowledge(done, [*waiting, *self._quarantine.messages()], "
                "self._connection_errors)\n",
                "",
            ),
        ],
        [f"{_WORKERS_DIE}[one of two workers killed in the middle of a batch]"],
    ),
    Guard(
        "limit of beginnings",
        "Begins a message again however often its worker died of it.",
        [
            Change(
                "worker/suspects.py",
                "    return beginnings >= MOST_BEGINNINGS\n",
                "    return False\n",
            )
        ],
        [f"{_WORKERS_DIE}[a row that kills its worker each time]"],
    ),
    Guard(
        "delivery limit",
        "Delivers a message without end that no worker lives to count.",
        [
            Change(
                "shared/queues.py",
                '            "x-delivery-limit": DELIVERY_LIMIT,\n',
                "",
            )
        ],
        [f"{_DEAD_LETTERS}::test_rabbitmq_itself_gives_up_what_no_worker_lives_to_count"],
    ),
    Guard(
        "one message of a task",
        "Does a task as often as it was published.",
        [Change("worker/store.py", "message ~= '' and message ~= by then", "false then")],
        [f"{_ENDS}::test_a_second_message_of_a_task_is_not_done_while_the_first_is"],
    ),
    Guard(
        "one end",
        "Lets a worker that was taken for dead write over what its task has ended with.",
        [
            Change(
                "worker/store.py",
                "if ended and stored ~= ARGV[1] then return false end\n",
                "",
            )
        ],
        [f"{_ENDS}::test_a_worker_that_was_taken_for_dead_does_not_change_an_end"],
    ),
    Guard(
        "expiry check",
        "Computes what its caller has given up.",
        [
            Change(
                "worker/job.py",
                "        return self.expires_at is not None and now >= self.expires_at\n",
                "        return False\n",
            )
        ],
        [
            "tests/integration/test_celery_client.py::test_a_task_whose_time_is_over_is_not_computed",
            "tests/integration/test_large_arrays.py::test_an_array_that_waited_too_long_expires_once",
        ],
    ),
    Guard(
        "readiness before stopping",
        "Stays ready while it is asked to drain.",
        [Change("api/routes/health.py", "        if drain_file.exists():", "        if False:")],
        [f"{_FRONT_DOORS}[one of two front doors stopped]"],
    ),
    Guard(
        "drain",
        "Hangs up at once on whoever waits for an answer when told to stop.",
        [
            Change(
                "api/server/serving.py",
                "    while door.connections and time.monotonic() < give_up:",
                "    while False:",
            )
        ],
        [f"{_STOPS}::test_a_request_that_waits_for_its_answer_still_gets_it"],
    ),
    Guard(
        "subscribing again",
        "Listens to Redis until the connection is lost, and never again.",
        [
            Change(
                "api/dispatch/replies.py",
                "            self._stopping.wait(RECONNECT_SECONDS)\n",
                "            self._stopping.wait()\n",
            )
        ],
        [f"{_REDIS}[Redis killed, 200 requests waiting]"],
    ),
    Guard(
        "reading what was stored meanwhile",
        "Subscribes again and waits for what is announced from then on.",
        [
            Change(
                "api/dispatch/replies.py",
                "            self._deliver_stored(task_ids)\n",
                "",
            )
        ],
        ["tests/integration/test_replies.py"],
    ),
)


def take_out(guard: Guard, root: Path) -> None:
    """Changes the files below ``root``. Raises ValueError where the code is not what it was."""
    for path, old, new in guard.changes:
        file = root / path
        text = file.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{guard.name}: {path} has {text.count(old)} times {old!r}")
        file.write_text(text.replace(old, new), encoding="utf-8")
