"""The queues, declared in one place: who publishes and who consumes declare the same.

Arguments of an existing queue cannot be changed: a new argument needs a new queue name.
"""

from enum import StrEnum

from kombu.entity import Queue
from kombu.transport.base import StdChannel

TASK_NAME = "pick_regno"

MAX_SYNC_MESSAGES = 10_000
"""At 500 a second this is 20 s of work: more than anybody waits for."""

MAX_ASYNC_MESSAGES = 1_000_000

DELIVERY_LIMIT = 20
"""Deliveries without an acknowledgement, after which RabbitMQ dead-letters a message by itself.

A backstop: a worker gives up what kills workers long before (``worker/suspects.py``). Well above
that, because every message that a dead worker held collects a delivery. It is RabbitMQ 4's default.
"""


class Lane(StrEnum):
    """The two queues that workers consume, each with a promise of its own."""

    SYNC = "regno.sync"
    """Somebody waits: answered by the deadline or told so, never computed after it."""
    ASYNC = "regno.async"
    """Accepted with 202: exactly one terminal state, through any crash."""


DEAD_QUEUE = "regno.dead"

_NO_LIMIT = 2**31 - 1
"""RabbitMQ 4 says -1 for it, which older ones refuse."""


def lane_queues() -> list[Queue]:
    """The queues that workers consume.

    The sync queue is classic and durable with transient messages: RabbitMQ 4.3 refuses
    transient queues that are not exclusive, and its messages need not survive a restart.
    The default exchange routes by queue name, so there is no exchange to declare.
    """
    sync = Queue(
        Lane.SYNC.value,
        routing_key=Lane.SYNC.value,
        durable=True,
        queue_arguments={
            "x-queue-type": "classic",  # whatever the virtual host's default is
            "x-max-length": MAX_SYNC_MESSAGES,
            "x-overflow": "reject-publish",
        },
    )
    lasting = Queue(
        Lane.ASYNC.value,
        routing_key=Lane.ASYNC.value,
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-max-length": MAX_ASYNC_MESSAGES,
            "x-overflow": "reject-publish",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": DEAD_QUEUE,
            "x-dead-letter-strategy": "at-least-once",
        },
    )
    return [sync, lasting]


def dead_queue() -> Queue:
    """What could not be done, for an operator to look at and replay.

    Each look at a letter is a delivery. RabbitMQ 4 would throw it away after twenty of them.
    """
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": _NO_LIMIT}
    return Queue(DEAD_QUEUE, durable=True, queue_arguments=arguments)


def queues_of(lane: Lane) -> list[Queue]:
    """What a lane needs, its own last. Nothing of the other one, so that they fail apart."""
    sync, lasting = lane_queues()
    return [sync] if lane is Lane.SYNC else [dead_queue(), lasting]


def declare_lane(channel: StdChannel, lane: Lane) -> None:
    """Declares what a lane needs. Raises the channel's errors, a mismatch with RabbitMQ's too."""
    for queue in queues_of(lane):
        queue.bind(channel).declare()


def declare_queues(channel: StdChannel) -> None:
    """Declares what both lanes need. Raises as ``declare_lane`` does."""
    for lane in Lane:
        declare_lane(channel, lane)
