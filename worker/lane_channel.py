"""The channel on which a worker consumes one lane.

What RabbitMQ refuses closes the channel that asked for it, and an answer about a queue whose node
hangs may take a minute. So each lane has a channel of its own, and nobody waits for an answer on
it: the event loop hears it.
"""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any

from amqp import spec
from kombu.entity import Queue
from kombu.transport import pyamqp

_CONSUME_ARGUMENTS = "BssbbbbF"


class LaneState(Enum):
    """How far it has come."""

    IDLE = auto()
    ASKED = auto()
    CONSUMING = auto()


class LaneChannel(pyamqp.Channel):
    """Consumes one queue. A channel that was closed is of no more use."""

    state = LaneState.IDLE

    def __init__(
        self,
        connection: Any,
        window: int,
        on_change: Callable[[str | None], None],
        on_lost: Callable[["LaneChannel"], None],
    ) -> None:
        """RabbitMQ sends ``window`` messages ahead. Waits until the channel is open.

        ``on_change`` is told None when it consumes, and else why it does not, or no longer.
        ``on_lost`` is told of this channel when RabbitMQ has closed it.
        """
        super().__init__(connection)
        self._on_change = on_change
        self._on_lost = on_lost
        self.open()
        self.basic_qos(0, window, False)

    def ask(self, queues: Sequence[Queue], on_message: Callable[[Any], None]) -> None:
        """Declares the queues and consumes the last of them; returns at once."""
        self.state = LaneState.ASKED
        for queue in queues:
            queue.bind(self).declare(nowait=True)
        name = queues[-1].name  # and the consumer's tag: there is no other one on this channel
        self.callbacks[name] = on_message
        self.cancel_callbacks[name] = self._on_cancel
        arguments = (0, name, name, False, False, False, False, None)
        self.send_method(spec.Basic.Consume, _CONSUME_ARGUMENTS, arguments)

    def end(self) -> None:
        """Consumes no more, until it is asked to. What was delivered can still be acknowledged."""
        for tag in self.callbacks:
            self.basic_cancel(tag, nowait=True)
        self.state = LaneState.IDLE

    def _setup_listeners(self) -> None:
        super()._setup_listeners()
        self._callbacks[spec.Basic.ConsumeOk] = self._on_consume_ok

    def _on_consume_ok(self, _tag: str) -> None:
        if self.state is LaneState.ASKED:  # and has not ended meanwhile
            self.state = LaneState.CONSUMING
            self._on_change(None)

    def _on_cancel(self, _tag: str) -> None:
        """https://www.rabbitmq.com/docs/consumer-cancel."""
        self.state = LaneState.IDLE
        self._on_change("the queue was deleted, or its node has gone")

    def _on_close(self, code: int, text: str, _class: int, _method: int) -> None:
        """RabbitMQ has refused something, or was not acknowledged for half an hour.

        py-amqp would open it again, and wait for that.
        """
        self.send_method(spec.Channel.CloseOk)
        self.collect()
        self.state = LaneState.IDLE
        self._on_change(f"{text} ({code})")
        self._on_lost(self)
