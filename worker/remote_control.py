"""Celery's remote control, which answers to operators and survives everybody else.

Whoever reaches RabbitMQ may send to its exchange. Celery opens a new channel after each message
that it cannot handle, and follows any logical clock: one near AMQP's largest number would keep all
answers from being encoded.
"""

from typing import Any

from celery import bootsteps
from celery.worker.consumer.control import Control
from celery.worker.pidbox import Pidbox

from worker.refusals import MessageRefused

_MAX_CLOCK = 2**53


class GuardedPidbox(Pidbox):  # type: ignore[misc]
    """The mailbox of one worker."""

    def on_message(self, body: Any, message: Any) -> None:
        """See Celery: a command has come."""
        clock = message.headers.pop("clock", None)
        if isinstance(clock, int) and 0 <= clock < _MAX_CLOCK:
            message.headers["clock"] = clock
        if not isinstance(body, dict) or not isinstance(body.get("method"), str):
            self.c.refuse(message, MessageRefused("control", "Expected an object with a method"))
            return
        self._forward_clock()
        try:
            self.node.handle_message(body, message)
        except (*self.c.connection_errors, *self.c.channel_errors):
            self.reset()
        except Exception as error:  # noqa: BLE001 - its sender chooses what it is
            self.c.refuse(message, MessageRefused("control", repr(error)))


class GuardedControl(Control):  # type: ignore[misc]
    """Celery's step with such a mailbox."""

    def __init__(self, consumer: Any, **options: Any) -> None:
        """See Celery. The pool of this service's workers is never green."""
        self.is_green = False
        self.box = GuardedPidbox(consumer)
        self.start, self.stop = self.box.start, self.box.stop
        self.shutdown = self.box.shutdown
        bootsteps.StartStopStep.__init__(self, consumer, **options)
