"""The exporter shows what RabbitMQ says, and nothing that it does not say any more."""

import pytest
from prometheus_client import CollectorRegistry

from ops.queues.exporter import Exporter
from ops.queues.management import BrokerState, NoAnswer, QueueState
from ops.queues.settings import ApiAddress, QueuesSettings, api_address
from shared.errors import InvalidSettings
from shared.metrics import QueueMetrics
from shared.settings import load

NAMES = ("one", "other")


class Case:
    """An exporter on a broker that answers what it is told to."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.now = 100.0
        self.answer: BrokerState | NoAnswer = NoAnswer("nothing yet")
        self.exporter = Exporter(
            self._read, NAMES, QueueMetrics(self.registry), clock=lambda: self.now
        )

    def _read(self) -> BrokerState:
        if isinstance(self.answer, NoAnswer):
            raise self.answer
        return self.answer

    def shown(self) -> dict[tuple[str, ...], float]:
        """Every sample, by its name and the values of its labels."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
        }

    def poll(self, answer: BrokerState | NoAnswer) -> dict[tuple[str, ...], float]:
        self.answer = answer
        self.exporter.poll()
        return self.shown()


def a_state(*, memory: bool = False, disk: bool = False, **queues: QueueState) -> BrokerState:
    return BrokerState(queues, memory, disk)


def test_each_figure_of_each_queue_is_shown() -> None:
    case = Case()
    unrelated = QueueState(9, 9, 9, 9)
    states = {
        "unrelated": unrelated,
        "one": QueueState(5, 2, 3, 100),
        "other": QueueState(0, 0, 0, 0),
    }
    case.poll(BrokerState(states, False, False))
    case.now += 7
    assert case.poll(BrokerState(states, False, False)) == {
        ("celery_queue_length", "one"): 5,
        ("celery_queue_length", "other"): 0,
        ("regno_queue_messages_unacknowledged", "one"): 2,
        ("regno_queue_messages_unacknowledged", "other"): 0,
        ("celery_active_consumers", "one"): 3,
        ("celery_active_consumers", "other"): 0,
        ("regno_queue_oldest_message_age_seconds", "one"): 7,
        ("regno_queue_oldest_message_age_seconds", "other"): 0,
        ("regno_broker_up",): 1,
        ("regno_broker_alarm", "memory"): 0,
        ("regno_broker_alarm", "disk"): 0,
    }


@pytest.mark.parametrize("memory", [True, False])
def test_alarms_are_told_by_what_is_missing(memory: bool) -> None:
    shown = Case().poll(a_state(memory=memory, disk=not memory))
    assert shown[("regno_broker_alarm", "memory")] == memory
    assert shown[("regno_broker_alarm", "disk")] == (not memory)


def test_without_an_answer_nothing_is_shown_but_that() -> None:
    case = Case()
    assert case.poll(NoAnswer("refused")) == {("regno_broker_up",): 0}
    case.poll(a_state(one=QueueState(5, 2, 3, 100)))
    assert case.poll(NoAnswer("refused")) == {("regno_broker_up",): 0}


def test_when_rabbitmq_is_back_an_old_message_is_as_old_as_it_is() -> None:
    case = Case()
    state = a_state(one=QueueState(1, 0, 0, 1))
    case.poll(state)
    case.now += 30
    case.poll(NoAnswer("restarting"))
    case.now += 30
    shown = case.poll(state)
    assert shown[("regno_queue_oldest_message_age_seconds", "one")] == 60
    assert shown[("regno_broker_up",)] == 1


def test_a_queue_that_is_gone_is_not_shown() -> None:
    case = Case()
    case.poll(a_state(one=QueueState(5, 2, 3, 100), other=QueueState(1, 1, 1, 1)))
    shown = case.poll(a_state(other=QueueState(1, 1, 1, 1)))
    assert not any("one" in key for key in shown)
    assert shown[("celery_queue_length", "other")] == 1


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://me:secret@host:15672", ApiAddress(False, "host", 15672, "me", "secret", "/")),
        ("http://me:secret@host", ApiAddress(False, "host", 15672, "me", "secret", "/")),
        ("https://me:s%40@host/", ApiAddress(True, "host", 15671, "me", "s@", "/")),
        ("http://me:pw@host:1/other", ApiAddress(False, "host", 1, "me", "pw", "other")),
        ("http://me:pw@host:1/%2F", ApiAddress(False, "host", 1, "me", "pw", "/")),
    ],
)
def test_the_parts_of_an_address_are_known(url: str, address: ApiAddress) -> None:
    assert api_address(url) == address


@pytest.mark.parametrize(
    "url", ["host:15672", "amqp://me:secret@host", "http://host:15672", "http://me:secret@host:x"]
)
def test_a_wrong_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^REGNO_RABBITMQ_API: ") as refused:
        api_address(url)
    assert "secret" not in refused.value.detail


def test_only_the_address_has_to_be_set() -> None:
    settings = load(QueuesSettings, {"REGNO_RABBITMQ_API": "http://me:pw@host"})
    assert settings.metrics_port == 9809
    with pytest.raises(InvalidSettings, match=r"^REGNO_RABBITMQ_API must be set$"):
        load(QueuesSettings, {})
