"""Turns what RabbitMQ says into metrics, and shows nothing that it does not say any more."""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection

from ops.queues.ages import OldestMessage
from ops.queues.management import BrokerState, NoAnswer, QueueState
from shared.metrics import QueueMetrics

_logger = logging.getLogger(__name__)


class Exporter:
    """Shows some queues of one RabbitMQ."""

    def __init__(
        self,
        read: Callable[[], BrokerState],
        names: Collection[str],
        metrics: QueueMetrics,
        clock: Callable[[], float],
    ) -> None:
        """``read`` raises NoAnswer; ``names`` are the queues to show; ``clock`` is monotonic."""
        self._read = read
        self._names = names
        self._metrics = metrics
        self._clock = clock
        self._oldest: defaultdict[str, OldestMessage] = defaultdict(OldestMessage)
        self._answered: bool | None = None

    def poll(self) -> None:
        """Asks RabbitMQ and shows the answer; without one, only that there is none."""
        try:
            state = self._read()
        except NoAnswer as error:
            self._tell(False, f"no answer from RabbitMQ: {error}")
            self._metrics.broker_alarm.clear()
            for name in self._names:
                self._hide(name)
        else:
            self._tell(True, "RabbitMQ answers")
            self._show(state)
        self._metrics.broker_up.set(bool(self._answered))

    def _tell(self, answered: bool, text: str) -> None:
        """Logs the changes only."""
        if answered is not self._answered:
            self._answered = answered
            _logger.log(logging.INFO if answered else logging.WARNING, "%s", text)

    def _show(self, state: BrokerState) -> None:
        self._metrics.broker_alarm.labels("memory").set(state.memory_alarm)
        self._metrics.broker_alarm.labels("disk").set(state.disk_alarm)
        now = self._clock()
        for name in self._names:
            queue = state.queues.get(name)
            if queue is None:
                self._hide(name)
            else:
                self._show_queue(name, queue, now)

    def _show_queue(self, name: str, queue: QueueState, now: float) -> None:
        metrics = self._metrics
        age = self._oldest[name].age(queue.published, queue.ready, now)
        metrics.length.labels(name).set(queue.ready)
        metrics.unacknowledged.labels(name).set(queue.unacknowledged)
        metrics.consumers.labels(name).set(queue.consumers)
        metrics.oldest_age.labels(name).set(age)

    def _hide(self, name: str) -> None:
        metrics = self._metrics
        for gauge in (
            metrics.length,
            metrics.unacknowledged,
            metrics.consumers,
            metrics.oldest_age,
        ):
            gauge.remove_by_labels({"queue_name": name})
