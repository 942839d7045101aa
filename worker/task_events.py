"""Tells Celery's monitors, Flower above all, of a few tasks a second.

A batch does not pass Celery's own trace, which would send four events a task: at 500 tasks a second
Flower would be busy with nothing else. A few whole tasks show an operator what a task is, how
long it runs and how it ends; how many there are is what the metrics are for.
https://docs.celeryq.dev/en/stable/userguide/monitoring.html#event-reference
"""

import select
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from shared.queues import TASK_NAME
from worker.ends import EXPIRED
from worker.store import Outcome

TASKS_PER_SECOND = 5
"""Of each kind: tasks that went well, and tasks that did not. Each is three events, or two."""


class Ration:
    """So many a second and no more."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left = per_second
        self._began = float("-inf")

    def take(self, now: float) -> bool:
        """Whether there is one left at ``now``, an instant in seconds."""
        if now - self._began >= 1.0:
            self._began, self._left = now, self._per_second
        if not self._left:
            return False
        self._left -= 1
        return True


class TaskEvents:
    """Sends events of one consumer's tasks. None is sent until a monitor has asked for them."""

    def __init__(
        self,
        dispatcher: Callable[[], Any],
        clock: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """``dispatcher`` gives Celery's event dispatcher of this moment, None without a connection.

        ``clock`` is monotonic, in seconds.
        """
        self._dispatcher = dispatcher
        self._clock = clock
        self._wall_clock = wall_clock
        self._well = Ration(TASKS_PER_SECOND)
        self._ill = Ration(TASKS_PER_SECOND)

    def ended(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        """These tasks have ended; their batch was begun so many seconds ago."""
        dispatcher = self._dispatcher()
        if dispatcher is None or "task" not in dispatcher.groups:
            return
        chosen = list(self._choose(outcomes))
        if chosen and _has_room(dispatcher.connection):
            for outcome in chosen:
                self._tell(dispatcher, outcome, seconds)

    def _choose(self, outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
        now = self._clock()
        full = False
        for outcome in outcomes:
            kind = outcome.end.kind
            if kind == "succeeded":
                if not full and self._well.take(now):
                    yield outcome
                else:
                    full = True
            elif kind != "before" and self._ill.take(now):
                yield outcome

    def _tell(self, dispatcher: Any, outcome: Outcome, seconds: float) -> None:
        job, end = outcome.job, outcome.end
        now = self._wall_clock()

        def send(kind: str, at: float, **fields: Any) -> None:
            dispatcher.send(f"task-{kind}", uuid=job.task_id, timestamp=at, **fields)

        send(
            "received",
            now - seconds,
            name=TASK_NAME,
            args=f"({len(job.rows)} rows)",  # never what is in them
            kwargs="{}",
            retries=0,
            routing_key=job.lane.value,
        )
        if end.kind == "revoked":
            send("revoked", now, terminated=False, signum=None, expired=end == EXPIRED)
            return
        send("started", now - seconds)
        if end.kind == "succeeded":
            send("succeeded", now, runtime=seconds, result=f"{len(job.rows)} predictions")
        else:
            send("failed", now, exception=end.why, traceback="")


def _has_room(connection: Any) -> bool:
    """Whether a little can be written without waiting.

    In an alarm RabbitMQ reads nothing from who publishes, and a worker must not wait for that.
    """
    if not connection.connected:
        return False
    sock = getattr(connection.connection, "sock", None)
    if sock is None:
        return True  # a transport without a socket of its own
    room = select.poll()
    room.register(sock, select.POLLOUT)
    return bool(room.poll(0))
