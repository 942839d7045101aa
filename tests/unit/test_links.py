"""When a connection that carries messages is of no more use, and what its messages are told."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import amqp
import pytest
from kombu.connection import Connection

from api.dispatch.links import AmqpLink
from shared.messages import TaskMessage
from shared.queues import Lane


class Broker:
    """RabbitMQ, which answers each message as it is told to."""

    def __init__(self) -> None:
        self.answer: Callable[[int], None] = self.ack
        self.events: defaultdict[str, set[Callable[..., None]]] = defaultdict(set)
        self.channel_id = 1
        self.connection = self
        self.transport = self
        self.frame_max = 4096
        self.bytes_sent = 0
        self._tags = 0

    def confirm_select(self) -> None:
        """As a channel does."""

    def heartbeat_check(self) -> None:
        """As a connection does."""

    def having_timeout(self, _seconds: float) -> nullcontext[None]:
        return nullcontext()

    def write(self, _frames: bytes) -> None:
        self._tags += 1

    def drain_events(self, timeout: float) -> None:
        assert timeout > 0
        self.answer(self._tags)

    def ack(self, tag: int) -> None:
        self._call("basic_ack", tag, False)

    def nack(self, tag: int) -> None:
        self._call("basic_nack", tag, False)

    def send_back(self, tag: int) -> None:
        message = SimpleNamespace(properties={"correlation_id": "task"})
        self._call("basic_return", Exception("NO_ROUTE"), "", Lane.SYNC.value, message)
        self.ack(tag)

    def quiet(self, _tag: int) -> None:
        raise TimeoutError

    def _call(self, event: str, *arguments: Any) -> None:
        for callback in self.events[event]:
            callback(*arguments)


class Case:
    def __init__(self) -> None:
        self.broker = Broker()
        connection, channel = cast("Connection", self.broker), cast("amqp.Channel", self.broker)
        self.link = AmqpLink(connection, channel, (amqp.AMQPError, OSError), [])

    def send(self, answer: Callable[[int], None]) -> str | None:
        """Why a message was refused, or None."""
        self.broker.answer = answer
        message = TaskMessage(Lane.SYNC, "task", b"", {}, {})
        return self.link.send([message], 1.0).get("task")

    def look(self) -> None:
        self.broker.answer = self.broker.quiet
        self.link.idle()


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_queue_that_took_messages_and_takes_no_more_is_full(case: Case) -> None:
    assert case.send(case.broker.ack) is None
    assert case.send(case.broker.nack) == "The queue is full"
    assert case.link.refuses() is None
    assert not case.link.doubtful()
    case.look()


def test_a_connection_on_which_nothing_was_taken_yet_is_doubtful(case: Case) -> None:
    """A channel may have met with a quorum queue's leader that has just died."""
    assert not case.link.doubtful()
    assert case.send(case.broker.nack) == "The queue is full"
    assert case.link.refuses() is None
    assert case.link.doubtful()
    case.look()
    assert case.send(case.broker.ack) is None
    assert not case.link.doubtful()


def test_a_queue_that_has_gone_is_refused_and_the_connection_given_up(case: Case) -> None:
    assert case.send(case.broker.ack) is None
    assert case.send(case.broker.send_back) == "There is no queue regno.sync"
    assert case.link.refuses() == "There is no queue regno.sync"
    with pytest.raises(case.link.errors, match=r"no queue regno\.sync"):
        case.look()
