"""Stand-ins for what a worker's and a front door's parts talk to."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from kombu.message import Message

from api.dispatch.cache import Answered, CacheUse
from api.dispatch.cache_store import CacheStore, Flight, Found, Leader
from api.dispatch.dispatcher import Dispatcher
from shared.errors import PredictionFailed, RegnoError, ResultStoreUnavailable
from shared.features import FeatureRow
from shared.messages import Chunk
from shared.queues import Lane
from shared.results import Prediction, Predictions, RawResult, decode_result, encode_success
from shared.rows import Row
from tests.builders import a_reading
from worker.beginnings import Beginnings
from worker.ends import End
from worker.gather import Piece
from worker.job import Job
from worker.model import Model
from worker.store import Outcome, ResultStore
from worker.task_events import TaskEvents

SPOILT = "spoilt"
"""A plate that the fake model cannot predict."""

MODEL_VERSION = "fake"


class FakeMessage:
    """Remembers whether it was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.rejected = 0
        self.together = False
        self.delivery_tag: int | str = "not a number"
        self.channel: object = None
        self.error: Exception | None = None

    def ack_log_error(self, _logger: object, _errors: object, multiple: bool = False) -> None:
        if self.error is not None:
            raise self.error
        self.acknowledged += 1
        self.together = multiple

    def reject_log_error(self, _logger: object, _errors: object) -> None:
        self.rejected += 1


def a_job(
    task_id: str = "task",
    *directions: int,
    lane: Lane = Lane.SYNC,
    rows: Sequence[Row] | None = None,
    failure: RegnoError | None = None,
    expires_at: float | None = None,
    chunk: Chunk | None = None,
    redelivery: str | None = None,
    published_at: float | None = None,
) -> Job:
    """A delivered job with a row for each direction: of one row where none is given."""
    if rows is None:
        rows = [a_reading(direction=direction) for direction in directions or (0,)]
    return Job(
        task_id=task_id,
        lane=lane,
        rows=rows,
        failure=failure,
        expires_at=expires_at,
        reply_to=None,
        request_id=f"request of {task_id}",
        message=cast("Message", FakeMessage()),
        chunk=chunk,
        redelivery=redelivery,
        published_at=published_at,
    )


def acknowledged(job: Job) -> int:
    """How often the job's message was acknowledged."""
    return cast("FakeMessage", job.message).acknowledged


def rejected(job: Job) -> int:
    """How often the job's message was rejected."""
    return cast("FakeMessage", job.message).rejected


def a_prediction(direction: int) -> Prediction:
    """What the fake model says of a reading."""
    return Prediction(direction / 10, 1 - direction / 10)


class FakeModel:
    """Predicts from the direction alone; remembers the size of every batch."""

    version = MODEL_VERSION

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.broken = False

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        self.batches.append(len(rows))
        if self.broken:
            raise ValueError("a bug")
        if any(row.afts_regno_ai_text == " ".join(SPOILT) for row in rows):
            raise PredictionFailed("cannot predict this")
        return [a_prediction(int(row.direction)) for row in rows]

    def as_model(self) -> Model:
        return cast("Model", self)


class FakeStore:
    """A result store in memory that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.broken = False
        self.settled_before: dict[str, End] = {}
        self.stored: dict[str, RawResult] = {}
        self.outcomes: list[Outcome] = []
        self.pieces: list[Piece] = []
        self.claimed: list[str] = []

    def _answer(self) -> None:
        if self.away:
            raise ResultStoreUnavailable("Redis: away")

    def claim(self, jobs: Sequence[Job]) -> list[End | None]:
        self._answer()
        self.claimed += [job.result_id for job in jobs]
        return [self.settled_before.get(job.result_id) for job in jobs]

    def store(self, outcomes: Sequence[Outcome]) -> None:
        self._answer()
        if self.broken:
            raise ValueError("a bug")
        self.outcomes += outcomes
        for job, encoded, _ in outcomes:
            if isinstance(encoded, Piece):
                self.pieces.append(encoded)
            elif encoded is not None:
                self.stored[job.result_id] = decode_result(encoded)

    def as_store(self) -> ResultStore:
        return cast("ResultStore", self)


class FakeBeginnings:
    """Counts in memory how often suspects have begun; can be away."""

    def __init__(self, **begun: int) -> None:
        """``begun`` says how often each had begun before, by task id."""
        self.away = False
        self.looked_up: list[list[str]] = []
        self._deliveries = {
            task_id: {f"delivery {n}" for n in range(times)} for task_id, times in begun.items()
        }

    def count(self, jobs: Sequence[Job]) -> list[int]:
        self._answer()
        self.looked_up.append([job.task_id for job in jobs])
        return [self.of(job.task_id) for job in jobs]

    def note(self, job: Job) -> int:
        self._answer()
        self._deliveries.setdefault(job.task_id, set()).add(str(job.redelivery))
        return self.of(job.task_id) - 1

    def of(self, task_id: str) -> int:
        return len(self._deliveries.get(task_id, ()))

    def _answer(self) -> None:
        if self.away:
            raise ResultStoreUnavailable("Redis: away")

    def as_beginnings(self) -> Beginnings:
        return cast("Beginnings", self)


class FakeConnection:
    """A connection whose transport has no socket to look at."""

    connected = True
    connection = None


class FakeEventDispatcher:
    """Celery's event dispatcher: remembers what it was to send."""

    def __init__(self, *groups: str) -> None:
        """``groups`` of events that somebody has asked for."""
        self.groups = set(groups)
        self.connection: Any = FakeConnection()
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.sent.append((kind, fields))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]


def no_events() -> TaskEvents:
    """Events that nobody has asked for."""
    return TaskEvents(FakeEventDispatcher, lambda: 0.0)


class FakeCacheStore:
    """Finds a result for every flight; remembers what was released and renewed."""

    def __init__(self) -> None:
        self.away = False
        self.broken = False
        self.lots: list[int] = []
        self.released: list[Flight] = []
        self.renewed: set[Flight] = set()
        self.renewals = threading.Semaphore(0)

    def look_up(self, flights: Sequence[Flight]) -> list[Found]:
        self._answer()
        if self.broken:
            raise ValueError("a bug")
        self.lots.append(len(flights))
        return [Leader(flight.task_id, 0.5) for flight in flights]

    def release(self, flight: Flight) -> None:
        self._answer()
        self.released.append(flight)

    def renew(self, flights: Sequence[Flight]) -> None:
        self.renewals.release()
        self._answer()
        self.renewed |= set(flights)

    def _answer(self) -> None:
        if self.away:
            raise ResultStoreUnavailable("Redis: away")

    def as_store(self) -> CacheStore:
        return cast("CacheStore", self)


class FakeClock:
    """A clock and its timer, which stand still until the test lets time pass."""

    def __init__(self) -> None:
        self.now = 100.0
        self._calls: list[tuple[float, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now

    def call_after(self, secs: float, fun: Callable[[], None]) -> "FakeTimerEntry":
        call = (self.now + secs, fun)
        self._calls.append(call)
        return FakeTimerEntry(lambda: self._calls.remove(call))

    @property
    def due_in(self) -> list[float]:
        """How long each call that was asked for has still to wait."""
        return sorted(at - self.now for at, _ in self._calls)

    def advance(self, seconds: float) -> None:
        """Lets time pass, and the calls happen that become due on the way."""
        end = self.now + seconds
        while due := [call for call in self._calls if call[0] <= end]:
            first = min(due, key=lambda call: call[0])
            self._calls.remove(first)
            self.now, fun = first
            fun()
        self.now = end


class FakeTimerEntry:
    """A call that is still to come."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


class FakeDispatcher:
    """Answers at once what it was told to: a result, or an error to raise."""

    def __init__(self) -> None:
        self.answer: Exception | None = None
        self.unread: Exception | None = None
        """What waiting for an accepted task ends with."""
        self.result: RawResult | None = None
        self.cache: CacheUse | None = None
        self.troubles: dict[str, str] = {}
        self.missing: dict[Lane, str] = {}
        self.calls: list[tuple[Any, ...]] = []

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if self.answer is not None:
            raise self.answer

    def predict(self, rows: Sequence[Row], deadline: float, request_id: str) -> Answered:
        self._called("predict", rows, deadline, request_id)
        result = self.result or a_success([row.direction or 0 for row in rows])
        return Answered(result, self.cache)

    def submit(self, rows: Sequence[Row], request_id: str) -> str:
        self._called("submit", rows, request_id)
        return "task"

    def submit_once(self, rows: Sequence[Row], request_id: str, key: str, body: bytes) -> str:
        self._called("submit_once", rows, request_id, key, body)
        return "task"

    def wait(self, task_id: str, deadline: float) -> RawResult:
        self._called("wait", task_id, deadline)
        if self.unread is not None:
            raise self.unread
        return self.result or a_success([0])

    def cancel(self, task_id: str) -> RawResult:
        self._called("cancel", task_id)
        return self.result or a_success([0])

    def problems(self) -> dict[str, str]:
        return self.troubles

    def missing_lanes(self) -> dict[Lane, str]:
        return self.missing

    def as_dispatcher(self) -> Dispatcher:
        return cast("Dispatcher", self)


def a_success(directions: Sequence[int]) -> RawResult:
    """The result of a task whose rows have these directions."""
    predictions = Predictions(MODEL_VERSION, [a_prediction(d) for d in directions])
    return decode_result(encode_success("task", predictions))


def told(result: RawResult) -> Any:
    """What a result holds, decoded."""
    return msgspec.json.decode(result.result)
