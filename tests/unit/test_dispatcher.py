"""What the dispatcher publishes, and what becomes of a request that is refused in part."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, cast

import pytest

from api.dispatch.dispatcher import Dispatcher
from api.dispatch.publisher import Done, Publisher
from api.dispatch.replies import ReplyListener
from api.dispatch.slot import Slot
from api.dispatch.task_store import TaskStore
from api.dispatch.timekeeper import Timekeeper
from api.dispatch.tracing import DispatchTracing
from api.dispatch.waiters import WaiterTable
from shared.errors import BrokerUnavailable, ResultStoreUnavailable
from shared.messages import TaskMessage, chunk_of
from shared.queues import Lane
from shared.results import RawResult, decode_result, encode_unfinished
from shared.rows import Row
from tests.builders import a_reading
from tests.unit.fakes import a_success

TIMELESS = ResultStoreUnavailable("Redis has not told the time yet")
REFUSED = BrokerUnavailable("The queue is full")
TASK_TTL = 60.0
ROWS = [a_reading(direction=n) for n in range(7)]


class Broker:
    """Confirms every message at once, but for those it was told to refuse."""

    def __init__(self) -> None:
        self.messages: list[TaskMessage] = []
        self.refused: set[int] = set()
        self.after_each: Callable[[], None] = lambda: None
        self.trouble: str | None = None

    def problem(self) -> str | None:
        return self.trouble

    def publish(self, message: TaskMessage, done: Done) -> None:
        self.messages.append(message)
        done(REFUSED if len(self.messages) - 1 in self.refused else None)
        self.after_each()


class Store:
    """Remembers which tasks it was told of."""

    def __init__(self) -> None:
        self.reads = 0
        self.pending: set[str] = set()
        self.abandoned: set[str] = set()

    def mark_pending(self, task_id: str) -> bool:
        self.pending.add(task_id)
        return True

    def forget(self, task_id: str) -> None:
        self.pending.remove(task_id)

    def read(self, task_ids: Sequence[str]) -> list[RawResult | None]:
        self.reads += 1
        return [decode_result(encode_unfinished("PENDING", task_id)) for task_id in task_ids]

    def abandon(self, task_id: str, seconds: float) -> None:
        assert 0 < seconds <= TASK_TTL
        self.abandoned.add(task_id)


class Case:
    """A dispatcher of chunks of three rows, on fakes. A request in it is answered at once."""

    def __init__(
        self, tracing: DispatchTracing | None = None, other_broker: Broker | None = None
    ) -> None:
        """The asynchronous lane's messages go to ``other_broker``, where there is one."""
        self.broker, self.store = Broker(), Store()
        self.other_broker = self.broker if other_broker is None else other_broker
        self.slot: Slot[Any] = Slot()
        self.timeless = False
        self.deaf: str | None = None
        self.broker.after_each = lambda: self.slot.put(a_success([0]))
        self.dispatcher = Dispatcher(
            cast("Publisher", self.broker),
            cast("Publisher", self.other_broker),
            cast("ReplyListener", self),
            cast("WaiterTable", self),
            cast("TaskStore", self.store),
            cache=None,
            tracing=tracing,
            publish_timeout=1.0,
            redis_timeout=1.0,
            task_ttl=TASK_TTL,
            chunk_rows=3,
            timekeeper=cast("Timekeeper", self),
            clock=lambda: 100.0,
        )

    channel = "regno.reply.test"

    def clock(self) -> float:
        if self.timeless:
            raise TIMELESS
        return 1_700_000_000.0

    def waiting(self, _task_id: str) -> nullcontext[Slot[Any]]:
        return nullcontext(self.slot)

    def problem(self) -> str | None:
        """As a reply listener, that hears or does not."""
        return self.deaf

    def watching(self, _task_id: str) -> nullcontext[Slot[Any]]:
        return nullcontext(self.slot)

    def predict(self, rows: Sequence[Row]) -> RawResult:
        return self.dispatcher.predict(rows, 105.0, "request").result


def test_a_request_of_few_rows_is_one_message_that_says_nothing_of_chunks() -> None:
    case = Case()
    case.predict(ROWS[:3])
    task_id = case.dispatcher.submit(ROWS[:3], "request")
    sync, lasting = case.broker.messages
    assert (sync.queue, lasting.queue) == tuple(Lane)
    assert lasting.task_id == lasting.headers["root_id"] == task_id
    assert not {"group", "group_index", "chunks", "first_row"} & {*sync.headers, *lasting.headers}


def test_the_chunks_of_an_array_share_lane_deadline_and_reply_channel() -> None:
    case = Case()
    case.predict(ROWS)
    chunks = [chunk_of(message.headers) for message in case.broker.messages]
    assert [chunk and (chunk.place, chunk.total, chunk.first_row) for chunk in chunks] == [
        (0, 3, 0),
        (1, 3, 2),
        (2, 3, 4),
    ]
    for name in ("group", "expires", "request_id"):
        assert len({message.headers[name] for message in case.broker.messages}) == 1
    for name in ("reply_to", "expiration"):
        assert len({message.properties[name] for message in case.broker.messages}) == 1
    assert {message.queue for message in case.broker.messages} == {"regno.sync"}


def test_an_accepted_array_is_known_by_one_id() -> None:
    case = Case()
    task_id = case.dispatcher.submit(ROWS, "request")
    assert case.store.pending == {task_id}
    assert {message.headers["group"] for message in case.broker.messages} == {task_id}
    assert task_id not in {message.task_id for message in case.broker.messages}


@pytest.mark.parametrize("refused", range(3))
def test_an_array_of_which_a_chunk_is_refused_is_refused(refused: int) -> None:
    case = Case()
    case.broker.refused = {refused}
    with pytest.raises(BrokerUnavailable, match="full"):
        case.dispatcher.submit(ROWS, "request")
    assert case.store.pending <= case.store.abandoned


@pytest.mark.parametrize("refused", range(3))
@pytest.mark.parametrize(
    "ask",
    [lambda case: case.predict(ROWS), lambda case: case.dispatcher.submit(ROWS, "request")],
    ids=["waited for", "accepted"],
)
def test_nobody_computes_the_rest_of_an_array_that_was_refused(
    ask: Callable[[Case], object], refused: int
) -> None:
    case = Case()
    case.broker.refused = {refused}
    case.broker.after_each = lambda: None
    with pytest.raises(BrokerUnavailable, match="full"):
        ask(case)
    assert case.store.abandoned == {case.broker.messages[0].headers["group"]}


@pytest.mark.parametrize(
    "ask",
    [lambda case: case.predict(ROWS[:1]), lambda case: case.dispatcher.submit(ROWS[:1], "request")],
    ids=["waited for", "accepted"],
)
def test_a_refusal_that_many_are_told_keeps_none_of_their_requests_alive(
    ask: Callable[[Case], object],
) -> None:
    case = Case()
    case.broker.refused = {0}
    with pytest.raises(BrokerUnavailable, match="full"):
        ask(case)
    assert REFUSED.__traceback__ is None


def test_a_single_message_that_is_refused_leaves_nothing_to_abandon() -> None:
    case = Case()
    case.broker.refused = {0}
    with pytest.raises(BrokerUnavailable, match="full"):
        case.predict(ROWS[:1])
    assert case.store.abandoned == set()


def test_nothing_is_published_before_the_time_is_known_and_nothing_stays_marked() -> None:
    case = Case()
    case.timeless = True
    with pytest.raises(ResultStoreUnavailable):
        case.predict(ROWS[:1])
    with pytest.raises(ResultStoreUnavailable):
        case.dispatcher.submit(ROWS, "request")
    assert case.broker.messages == []
    assert case.store.pending == set()


def test_only_without_either_lane_the_broker_is_a_problem() -> None:
    case = Case(other_broker=Broker())
    assert case.dispatcher.missing_lanes() == case.dispatcher.problems() == {}
    case.broker.trouble = "no node"
    assert case.dispatcher.missing_lanes() == {Lane.SYNC: "no node"}
    assert case.dispatcher.problems() == {}
    case.other_broker.trouble = "no leader"
    assert case.dispatcher.problems() == {"broker": "no node; no leader"}
    case.other_broker.trouble = "no node"
    assert case.dispatcher.problems() == {"broker": "no node"}


def test_at_the_deadline_what_was_known_is_told_without_asking_again() -> None:
    case = Case()
    assert case.dispatcher.wait("task", 100.001).status == "PENDING"
    assert case.store.reads == 1


def test_who_waits_while_results_are_not_heard_is_told_so() -> None:
    case = Case()
    case.deaf = "Not subscribed"
    with pytest.raises(ResultStoreUnavailable, match="Not subscribed"):
        case.dispatcher.wait("task", 100.001)
    assert case.store.reads == 1
