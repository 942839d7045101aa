"""Messages that are no task of this service: refused once, counted, and told of in a few words."""

import logging
import time
from typing import TYPE_CHECKING, Any, Literal, get_args

from shared.clean_text import cleaned
from shared.instruments import Count
from shared.log_throttle import LogThrottle
from shared.metrics import WorkerMetrics
from shared.queues import Lane

if TYPE_CHECKING:
    from worker.job import Job

_logger = logging.getLogger(__name__)

RefusalKind = Literal[
    "properties", "compression", "content_encoding", "task", "unknown_task", "id", "header",
    "chunk", "body", "control",
]  # fmt: skip
"""``properties`` cannot be decoded; ``task``, ``id`` or another ``header`` is none; ``chunk``
is no part of an array; ``body`` is no task's; ``control`` is no remote control command."""

_REASON_CHARS = 200


class MessageRefused(Exception):
    """A message is no task that this service does."""

    def __init__(self, kind: RefusalKind, reason: str, job: "Job | None" = None) -> None:
        """``reason`` may hold what a sender wrote; it is cleaned and cut before it is logged.

        ``job``, where there is one, has a failure to store for whoever waits: then the message is
        rejected after that.
        """
        super().__init__(reason)
        self.kind = kind
        self.job = job


class Refusals:
    """Refuses messages of one worker."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._counts: dict[RefusalKind, Count] = {
            kind: metrics.tallies.count(metrics.refused.labels(kind))
            for kind in get_args(RefusalKind)
        }
        self._throttle = LogThrottle(time.monotonic)
        self._told: set[RefusalKind] = set()

    def count(self, message: Any, refused: MessageRefused) -> None:
        """Counts a message that is to be rejected, and logs at most a line a second.

        The first one of a kind is an error, which Sentry gets.
        """
        self._counts[refused.kind].add()
        first = refused.kind not in self._told
        kept_back = 0 if first else self._throttle.pass_line()
        if kept_back is None:
            return
        self._told.add(refused.kind)
        more = f"; {kept_back} more since the last such line" if kept_back else ""
        _logger.log(
            logging.ERROR if first else logging.WARNING,
            "%s a message (%s): %s%s",
            _where_to(message),
            refused.kind,
            cleaned(str(refused), _REASON_CHARS),
            more,
        )


def _where_to(message: Any) -> str:
    """What RabbitMQ does with a message that is rejected."""
    tag = message.delivery_info.get("consumer_tag")
    key = message.delivery_info.get("routing_key")
    return "dead-lettered" if Lane.ASYNC in (tag, key) else "dropped"
