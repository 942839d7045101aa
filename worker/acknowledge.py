"""One acknowledgement for many messages, where the protocol allows it."""

import logging
import math
from collections.abc import Sequence
from operator import attrgetter

from kombu.message import Message

_logger = logging.getLogger(__name__)

Errors = tuple[type[Exception], ...]


def acknowledge(done: Sequence[Message], waiting: Sequence[Message], errors: Errors) -> None:
    """Acknowledges ``done``; an error of ``errors`` means that they are delivered again.

    AMQP can acknowledge every message of a channel up to a delivery tag at once, so one call serves
    all of ``done`` that were delivered there before the first that still waits. ``waiting`` holds
    the oldest of each line.
    """
    for channel in {id(message.channel): message.channel for message in done}.values():
        _acknowledge(
            [message for message in done if message.channel is channel],
            [message for message in waiting if message.channel is channel],
            errors,
        )


def _acknowledge(done: Sequence[Message], waiting: Sequence[Message], errors: Errors) -> None:
    """All of them came on one channel."""
    numbered = [m for m in done if isinstance(m.delivery_tag, int)]  # as AMQP does, others do not
    end = min((m.delivery_tag for m in waiting), default=math.inf) if numbered else -math.inf
    for message in done:
        if not numbered or message.delivery_tag > end:
            message.ack_log_error(_logger, errors)
    together = [m for m in numbered if m.delivery_tag < end]
    if together:
        last = max(together, key=attrgetter("delivery_tag"))
        last.ack_log_error(_logger, errors, multiple=True)
