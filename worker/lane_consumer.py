"""Consumes the lanes with a window each: how many messages RabbitMQ sends ahead.

Both lanes arrive in one stream, so whatever has been sent ahead of one comes before the next
message of the other. A message of the async lane may be a chunk of hundreds of rows.
"""

from typing import Any

from kombu.entity import Queue
from kombu.messaging import Consumer

from shared.queues import Lane

ASYNC_WINDOW = 32
"""Messages. Of 250 rows each they take a worker 0.3 s: that long they may delay the sync lane."""


class LaneConsumer(Consumer):
    """kombu's consumer. The sync lane keeps the window that Celery has set before."""

    def _basic_consume(self, queue: Queue, *arguments: Any, **options: Any) -> Any:
        """A limit holds for the consumers that come after it.

        https://www.rabbitmq.com/docs/consumer-prefetch#independent-consumers
        """
        if queue.name == Lane.ASYNC:
            channel: Any = self.channel
            channel.basic_qos(0, ASYNC_WINDOW, False)
        return super()._basic_consume(queue, *arguments, **options)  # type: ignore[no-untyped-call]
