"""Celery bootsteps: what a worker does when its connection starts and stops.

https://docs.celeryq.dev/en/stable/userguide/extending.html#bootsteps
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from celery.bootsteps import StartStopStep
from celery.worker.consumer import Consumer
from celery.worker.consumer.connection import Connection
from celery.worker.consumer.tasks import Tasks
from celery.worker.state import maybe_shutdown
from redis import RedisError

from shared.clock import RedisClock
from shared.instruments import REPORT_SECONDS
from shared.presence import RENEW_SECONDS, announce, withdraw
from shared.queues import TASK_NAME, Lane, declare_queues
from shared.reminder import Reminder
from worker.batcher import Batcher
from worker.heartbeat import Heartbeat
from worker.refusals import MessageRefused, Refusals
from worker.remote_control import GuardedControl
from worker.watch import Signs

_logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 1
"""Between two attempts to reach RabbitMQ."""

LANE_RETRY_SECONDS = 1.0

_FIRST_SECONDS = 0.05
"""After a connection is made; RabbitMQ has hardly ever not answered by then."""

_REPLACED = {
    # Would declare 28 queues for countdowns, because one of our queues is a quorum queue.
    "celery.worker.consumer.delayed_delivery:DelayedDelivery": None,
    "celery.worker.consumer.control:Control": GuardedControl,
}
"""Steps of Celery's, and what stands in their place."""


class RegnoConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer which refuses by itself what is no task."""

    batcher: Batcher | None = None
    """Made by the task's strategy, anew for every connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """See Celery."""
        super().__init__(*arguments, **options)
        self._refusals: Refusals = self.controller.options["regno_refusals"]

    def create_task_handler(self, *_: Any, **__: Any) -> Callable[[Any], None]:
        """See Celery: what is called with every message of the lanes.

        Celery looks the task up by a header that may be anything, and stores what became of an
        unknown one by itself.
        """
        take: Callable[[Any], None] = self.strategies[TASK_NAME]

        def on_message(message: Any) -> None:
            try:
                take(message)
            except MessageRefused as refused:
                self.refuse(message, refused)

        return on_message

    def refuse(self, message: Any, refused: MessageRefused) -> None:
        """Rejects a message; one that somebody waits for once its failure is stored."""
        self._refusals.count(message, refused)
        if refused.job is not None and self.batcher is not None:
            self.batcher.add(refused.job)
        elif not _needs_no_answer(message):
            message.reject_log_error(_logger, self.connection_errors)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """See Celery, which would acknowledge the message: from a lane it would be lost."""
        self.refuse(message, MessageRefused("body", repr(exc)))

    def ensure_connected(self, conn: Any) -> Any:
        """See Celery: connects, however long that takes. Celery would wait longer and longer, up to
        half a minute, and that long after RabbitMQ is back.
        """
        reminder = Reminder(time.monotonic)

        def failed(error: Exception, _interval: float) -> None:
            if reminder.due(str(error)):
                _logger.error("cannot connect to %s: %s", conn.as_uri(), error)

        return conn.ensure_connection(
            failed, interval_start=RECONNECT_SECONDS, interval_step=0, callback=maybe_shutdown
        )

    def add_task_queue(self, queue: str, *arguments: Any, **options: Any) -> None:
        """See Celery: an operator wants a lane consumed. What is no lane would stay for good."""
        if queue in set(Lane):
            super().add_task_queue(queue, *arguments, **options)
        else:
            _logger.error("does not consume %s: it is no lane", queue)

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of a connection."""

        default_steps = tuple(
            step
            for step in (_REPLACED.get(name, name) for name in Consumer.Blueprint.default_steps)
            if step is not None
        )


def _needs_no_answer(message: Any) -> bool:
    """Whether RabbitMQ has forgotten it already, as it has remote control commands.

    To reject one of those would close the channel.
    """
    return message.delivery_info.get("consumer_tag") in (message.channel.no_ack_consumers or ())


class DeclareQueues(StartStopStep):  # type: ignore[misc]
    """Declares every queue, the dead-letter one too, where the consumer does not do so."""

    requires = (Connection,)

    def start(self, consumer: Any) -> None:
        """Runs on every connection: a broker that lost its data gets its queues back."""
        declare_queues(consumer.connection.default_channel)


class KeepLanes(StartStopStep):  # type: ignore[misc]
    """Has a lane that is missing consumed as soon as it can be had.

    What came on a channel that RabbitMQ has closed is forgotten.
    """

    requires = (Tasks,)
    _timer: Any = None

    def start(self, consumer: Any) -> None:
        """Runs before the lanes are consumed for the first time."""
        lanes = consumer.task_consumer
        lanes.on_lost = consumer.batcher.lose
        self._timer = consumer.timer.call_repeatedly(LANE_RETRY_SECONDS, lanes.consume)

    def stop(self, _consumer: Any) -> None:
        """Runs when consuming ends, for good or until the broker is back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Reporting(StartStopStep):  # type: ignore[misc]
    """Shows in the metrics what was counted, from the thread that counts."""

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._report = consumer.controller.options["regno_report"]
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Runs once the queues are consumed."""
        self._timer = consumer.timer.call_repeatedly(REPORT_SECONDS, self._report)

    def stop(self, _consumer: Any) -> None:
        """Runs when consuming has ended, for good or until the broker is back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._report()


class Batching(StartStopStep):  # type: ignore[misc]
    """Ends the batcher that the task's strategy made for this connection."""

    requires = (Reporting,)  # stops first, so that what it finishes is shown

    def stop(self, consumer: Any) -> None:
        """Finishes what was delivered, while there is a connection to acknowledge on."""
        if consumer.batcher is None:
            return
        if consumer.connection and consumer.connection.connected:
            consumer.batcher.flush()
        consumer.batcher.discard()


class Presence(StartStopStep):  # type: ignore[misc]
    """Says that this worker consumes: in Redis for ``/readyz``, in a file for its container.

    One lane is enough for it. Without any, a worker is as good as one without a broker. Redis's
    answer says what time it is.
    """

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._redis = consumer.controller.options["regno_redis"]
        self._info = consumer.controller.options["regno_info"]
        self._clock: RedisClock = consumer.controller.options["regno_clock"]
        self._signs: Signs = consumer.controller.options["regno_signs"]
        self._heartbeat: Heartbeat = consumer.controller.options["regno_heartbeat"]
        self._reminder = Reminder(time.monotonic)
        self._task_consumer: Any = None
        self._timers: list[Any] = []

    def start(self, consumer: Any) -> None:
        """Runs before the queues are consumed; renewed by the same loop that takes messages."""
        self._task_consumer = consumer.task_consumer
        try:
            self._clock.measure(self._redis)  # before the first message comes
        except RedisError as error:
            self._tell("ask for the time", error)
        self._timers = [
            consumer.timer.call_after(_FIRST_SECONDS, self._announce),
            consumer.timer.call_repeatedly(RENEW_SECONDS, self._announce),
        ]

    def stop(self, _consumer: Any) -> None:
        """Runs when consuming ends, for good or until the broker is back."""
        while self._timers:
            self._timers.pop().cancel()
        self._heartbeat.end()
        try:
            withdraw(self._redis, self._info.name)
        except RedisError as error:
            _logger.warning("could not withdraw: %s", error)

    def _announce(self) -> None:
        lanes = self._task_consumer
        consumed = [Lane(queue.name) for queue in lanes.queues if lanes.consuming_from(queue)]
        self._signs.turned(consumed)
        if not consumed:
            return
        self._heartbeat.beat()
        try:
            self._clock.learn(lambda: announce(self._redis, self._info))
        except RedisError as error:
            self._tell("announce", error)
        else:
            self._reminder.over()

    def _tell(self, what: str, error: RedisError) -> None:
        if self._reminder.due(str(error)):
            _logger.warning("could not %s: %s", what, error)
