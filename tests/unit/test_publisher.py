"""What a publisher counts of the messages that it is given."""

import queue
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from api.dispatch.publisher import LOOK_SECONDS, Publisher, PublisherCounts
from shared.errors import BrokerUnavailable
from shared.messages import TaskMessage
from shared.metrics import ApiMetrics
from shared.queues import Lane
from tests.processes import wait_until

TOOK = 0.25


class Case:
    """A publisher on a broker that takes a while, and refuses or fails as it is told to."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self) -> None:
        self.now = 100.0
        self.refused: set[str] = set()
        self.fault: Exception | None = None
        self.there = True
        self.stale = False
        self.full = False
        self.looks = 0
        self.connections = 0
        self.done: queue.SimpleQueue[BrokerUnavailable | None] = queue.SimpleQueue()
        self._registry = CollectorRegistry()
        self._metrics = ApiMetrics(self._registry)
        tallies = self._metrics.tallies
        counts = PublisherCounts(
            tallies.distribution(self._metrics.publish_duration.labels("sync")),
            tallies.count(self._metrics.publish_failures.labels("sync")),
            self._metrics.unexpected,
        )
        self.publisher = Publisher(self._connect, 1.0, counts, lambda: self.now)

    def _connect(self, _timeout: float) -> "Case":
        if not self.there:
            raise BrokerUnavailable("not there")
        self.connections += 1
        return self

    def send(self, messages: Sequence[TaskMessage], timeout: float) -> dict[str, str]:
        assert timeout == 1.0
        self.now += TOOK
        if self.fault is not None:
            raise self.fault
        return {m.task_id: "full" for m in messages if self.full or m.task_id in self.refused}

    def idle(self) -> None:
        self.looks += 1
        if self.stale:
            self.stale = False
            raise OSError("stale")

    def refuses(self) -> str | None:
        return None

    def doubtful(self) -> bool:
        return self.full

    def close(self) -> None:
        """As a link does."""

    def publish(self, *task_ids: str) -> list[bool]:
        """Whether each message was confirmed, once the publisher has ended."""
        for task_id in task_ids:
            message = TaskMessage(Lane.SYNC, task_id, b"", {}, {})
            self.publisher.publish(message, self.done.put)
        self.publisher.start()
        self.publisher.stop()
        return [self.done.get_nowait() is None for _ in task_ids]

    def value(self, metric: str, /, **labels: str) -> float | None:
        self._metrics.tallies.report()
        return self._registry.get_sample_value(metric, labels)

    def durations(self) -> tuple[float | None, float | None]:
        """How many messages were confirmed, and the seconds they took together."""
        name = "regno_publish_duration_seconds"
        return self.value(f"{name}_count", lane="sync"), self.value(f"{name}_sum", lane="sync")

    def failures(self) -> float | None:
        return self.value("regno_publish_failures_total", lane="sync")


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_message_took_as_long_as_until_its_confirm(case: Case) -> None:
    assert case.publish("a", "b") == [True, True]
    assert case.durations() == (2, 2 * TOOK)
    assert case.failures() == 0


def test_a_message_that_the_broker_refuses_has_failed_and_its_neighbours_have_not(
    case: Case,
) -> None:
    case.refused = {"b"}
    assert case.publish("a", "b", "c") == [True, False, True]
    assert case.durations() == (2, 2 * TOOK)
    assert case.failures() == 1


@pytest.mark.parametrize(("fault", "surprises"), [(OSError("cut"), 0), (ValueError("a bug"), 1)])
def test_messages_that_are_lost_have_failed(case: Case, fault: Exception, surprises: int) -> None:
    case.fault = fault
    assert case.publish("a", "b") == [False, False]
    assert case.durations() == (0, 0)
    assert case.failures() == 2
    assert case.value("regno_unexpected_errors_total", where="publisher") == surprises


def test_messages_for_a_broker_that_is_not_there_have_failed(case: Case) -> None:
    case.there = False
    assert case.publish("a") == [False]
    assert case.failures() == 1


def test_messages_that_have_waited_too_long_for_their_turn_have_failed(case: Case) -> None:
    message = TaskMessage(Lane.SYNC, "late", b"", {}, {})
    case.publisher.publish(message, case.done.put)
    case.now += 1.5
    case.publisher.start()
    case.publisher.stop()
    assert case.done.get_nowait() is not None
    assert (case.failures(), case.durations()) == (1, (0, 0))


@pytest.mark.parametrize("there_at_first", [True, False])
def test_a_lost_broker_is_tried_again_though_messages_keep_coming(
    case: Case, there_at_first: bool
) -> None:
    """With so many callers there is never a moment without anything to send."""
    case.there = there_at_first
    case.publisher.start()

    def confirmed() -> bool:
        message = TaskMessage(Lane.SYNC, "task", b"", {}, {})
        case.publisher.publish(message, case.done.put)
        case.now += 0.1
        return case.done.get(timeout=10) is None

    case.fault = OSError("cut")
    assert [confirmed() for _ in range(5)] == [False] * 5
    case.there, case.fault = True, None
    assert any(confirmed() for _ in range(20))
    case.publisher.stop()


def test_a_connection_that_is_of_no_more_use_is_replaced_at_the_next_look(case: Case) -> None:
    case.publisher.start()
    wait_until(lambda: case.looks > 0, 10, "a look")
    case.stale = True
    wait_until(lambda: case.connections > 1, 10, "another connection")
    case.publisher.stop()
    assert case.publisher.problem() is None


def test_a_queue_that_stays_full_is_connected_to_anew_now_and_then(case: Case) -> None:
    """So often that it finds a new leader soon, so seldom that a full queue costs nothing."""
    case.full = True
    case.publisher.start()

    def error() -> BrokerUnavailable | None:
        case.now += LOOK_SECONDS
        message = TaskMessage(Lane.SYNC, "task", b"", {}, {})
        case.publisher.publish(message, case.done.put)
        return case.done.get(timeout=10)

    errors = [error() for _ in range(80)]
    assert {error.detail for error in errors if error is not None} == {"full"}
    assert None not in errors
    assert 10 < case.connections < 20
    case.full = False
    assert error() is None
    case.publisher.stop()
    assert case.publisher.problem() is None


def test_a_broker_that_stays_away_is_logged_once(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.there = False
    case.publisher.start()
    for _ in range(3):
        message = TaskMessage(Lane.SYNC, "task", b"", {}, {})
        case.publisher.publish(message, case.done.put)
        assert case.done.get(timeout=10) is not None
        case.now += 1.0
    case.publisher.stop()
    assert [record.message for record in caplog.records] == ["cannot publish: not there"]
