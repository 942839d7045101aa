"""Consumes the lanes, each on a channel and with a window of its own: they fail apart.

The window is how many messages RabbitMQ sends ahead. Both lanes arrive in one stream, so whatever
has been sent ahead of one comes before the next message of the other. A message of the async lane
may be a chunk of hundreds of rows.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from kombu.entity import Queue
from kombu.messaging import Consumer

from shared.celery_app import CONNECT_SECONDS
from shared.queues import Lane, queues_of
from shared.reminder import Reminder
from worker.lane_channel import LaneChannel, LaneState

_logger = logging.getLogger(__name__)

ASYNC_WINDOW = 32
"""Messages. Of 250 rows each they take a worker 0.3 s: that long they may delay the sync lane."""


class LaneConsumer(Consumer):
    """kombu's consumer of the lanes, in which a lane that cannot be had is missing and no more."""

    auto_declare = False  # a lane is declared when it is consumed
    on_lost: Callable[[LaneChannel], None]
    """Told of a channel that RabbitMQ has closed: what came on it is delivered again."""
    channel: Any
    on_message: Any
    _queues: Any

    def __init__(self, *arguments: Any, sync_window: int, **options: Any) -> None:
        """The window is in messages. The rest is kombu's."""
        self._windows = {Lane.SYNC: sync_window, Lane.ASYNC: ASYNC_WINDOW}
        self._channels: dict[str, LaneChannel] = {}
        self._reminders: defaultdict[str, Reminder] = defaultdict(lambda: Reminder(time.monotonic))
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]

    def consume(self, no_ack: bool | None = None) -> None:  # noqa: ARG002 - kombu's
        """Asks for each lane that is not consumed; to be called again and again.

        Raises connection errors, also where RabbitMQ does not even open a channel in time.
        """
        for queue in self._queues.values():
            channel = self._channels.get(queue.name)
            if channel is None or not channel.is_open:
                channel = self._channels[queue.name] = self._open(queue.name)
            if channel.state is LaneState.IDLE:
                channel.ask(queues_of(Lane(queue.name)), self._receive_callback)
            elif channel.state is LaneState.ASKED:
                self._tell(queue.name, "no answer from RabbitMQ yet")

    def consuming_from(self, queue: Queue | str) -> bool:
        """See kombu."""
        channel = self._channels.get(queue.name if isinstance(queue, Queue) else queue)
        return channel is not None and channel.state is LaneState.CONSUMING

    def cancel(self) -> None:
        """See kombu: consumes nothing any more."""
        for channel in self._channels.values():
            channel.end()
        self._channels.clear()

    close = cancel

    def cancel_by_queue(self, queue: Queue | str) -> None:
        """See kombu: an operator wants this worker to leave a lane alone. Its channel is kept."""
        name = queue.name if isinstance(queue, Queue) else queue
        channel = self._channels.get(name)
        if channel is not None:
            channel.end()
        self._queues.pop(name, None)

    def _open(self, name: str) -> LaneChannel:
        connection = self.channel.connection
        with connection.transport.having_timeout(CONNECT_SECONDS):
            tell = partial(self._tell, name)
            return LaneChannel(connection, self._windows[Lane(name)], tell, self.on_lost)

    def _tell(self, name: str, trouble: str | None) -> None:
        reminder = self._reminders[name]
        if trouble is None:
            reminder.over()
            _logger.info("consumes %s", name)
        elif reminder.due(trouble):
            _logger.warning("does not consume %s: %s", name, trouble)

    def _receive_callback(self, message: Any) -> None:
        """kombu's, for a message that belongs to the channel on which it came."""
        self.on_message(message.channel.message_to_python(message))
