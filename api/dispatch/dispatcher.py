"""What the routes call: predict now, accept for later, look up, cancel."""

import hashlib
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from api.dispatch.cache import Answered, RequestCache
from api.dispatch.chunks import split, when_all
from api.dispatch.publisher import Done, Publisher
from api.dispatch.replies import ReplyListener
from api.dispatch.slot import Slot
from api.dispatch.task_store import IdempotencyRecord, TaskStore, is_terminal
from api.dispatch.timekeeper import Timekeeper
from api.dispatch.tracing import CURRENT_TRACE, DispatchTracing
from api.dispatch.waiters import Answer, WaiterTable
from shared.cache import CacheTicket
from shared.errors import (
    BrokerUnavailable,
    Conflict,
    InvalidParameter,
    ResultStoreUnavailable,
    RetryLater,
    UnknownTask,
)
from shared.messages import task_message
from shared.queues import Lane
from shared.results import RawResult
from shared.rows import Row

_IDEMPOTENCY_NAMESPACE = uuid.UUID("5b0a3c5e-6a3c-4f0e-9d0f-0a7c9d1f4f52")
_MARGIN_SECONDS = 0.5
_LOOK_SECONDS = 0.01
_LEASE_FACTOR = 5
"""An idempotency key is held for its first request this many times as long as that may take."""


class Dispatcher:
    """One api process's way to the workers. Safe to call from any thread."""

    def __init__(
        self,
        sync_publisher: Publisher,
        async_publisher: Publisher,
        replies: ReplyListener,
        waiters: WaiterTable,
        store: TaskStore,
        *,
        cache: RequestCache | None,
        tracing: DispatchTracing | None = None,
        publish_timeout: float,
        redis_timeout: float,
        task_ttl: float,
        chunk_rows: int,
        timekeeper: Timekeeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each lane has a publisher of its own: a slow confirm in one does not delay the other.

        The times are in seconds; deadlines given to the methods are instants of ``clock``, which
        workers are told by the clock that ``timekeeper`` keeps.
        An array of more than ``chunk_rows`` rows is shared by several workers.
        ``tracing`` makes spans of what is sampled; without it traces are passed on as they came.
        """
        self._publishers = {Lane.SYNC: sync_publisher, Lane.ASYNC: async_publisher}
        self._replies = replies
        self._waiters = waiters
        self._store = store
        self._cache = cache
        self._tracing = tracing
        # Waiting for its turn and being confirmed are bounded each.
        self._publish_bound = 2 * publish_timeout + _MARGIN_SECONDS
        self._lease = _LEASE_FACTOR * (self._publish_bound + redis_timeout)
        self._task_ttl = task_ttl
        self._chunk_rows = chunk_rows
        self._clock = clock
        self._timekeeper = timekeeper
        self._wall_clock = timekeeper.clock

    def start(self) -> None:
        """Connects in the background."""
        for publisher in self._publishers.values():
            publisher.start()
        self._timekeeper.start()
        self._replies.start()
        if self._cache is not None:
            self._cache.start()

    def wait_connected(self, seconds: float) -> None:
        """Returns once both lanes and Redis are there, or after so long."""
        give_up = time.monotonic() + seconds
        while (self.problems() or self.missing_lanes()) and time.monotonic() < give_up:
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """Sends what was accepted, then disconnects."""
        if self._cache is not None:
            self._cache.stop()
        for publisher in self._publishers.values():
            publisher.stop()
        self._timekeeper.stop()
        self._replies.stop()

    def predict(self, rows: Sequence[Row], deadline: float, request_id: str) -> Answered:
        """The result of a task somebody waits for, or of an identical one before it.

        Raises DeadlineExceeded; BrokerUnavailable, when not all of it was accepted;
        ResultStoreUnavailable, when no result could be heard at the deadline, the cache could not
        be asked, or Redis has not told the time yet.
        """
        if self._cache is None or len(rows) > self._chunk_rows:
            task_id = str(uuid.uuid4())
            return Answered(self._compute(rows, deadline, request_id, task_id, None), None)
        compute = partial(self._compute, rows, deadline, request_id)
        return self._cache.answer(rows, deadline, compute)

    def _compute(
        self,
        rows: Sequence[Row],
        deadline: float,
        request_id: str,
        task_id: str,
        cache: CacheTicket | None,
    ) -> RawResult:
        with self._waiters.waiting(task_id) as slot:

            def published(error: BrokerUnavailable | None) -> None:
                if error is not None:
                    slot.put(error)

            remaining = deadline - self._clock()
            self._publish(
                Lane.SYNC,
                task_id,
                rows,
                published,
                expires_at=self._wall_clock() + remaining,
                expires_in=remaining,
                request_id=request_id,
                cache=cache,
            )
            try:
                answer = self._answer(slot, deadline)
            except BrokerUnavailable:
                if len(rows) > self._chunk_rows:
                    self._store.abandon(task_id, remaining)
                raise
        if answer is not None:
            trace = CURRENT_TRACE.get()
            if self._tracing is not None and trace is not None and trace.sampled:
                self._tracing.heard(trace, answer)
            return answer
        raise self._replies.no_answer()

    def submit(self, rows: Sequence[Row], request_id: str) -> str:
        """Accepts a task for later: once this returns its id, it is in the broker's keeping.

        Raises BrokerUnavailable, ResultStoreUnavailable: nothing was accepted.
        """
        task_id = str(uuid.uuid4())
        expires_at = self._wall_clock() + self._task_ttl
        self._store.mark_pending(task_id)
        try:
            self._hand_over(rows, request_id, task_id, expires_at)
        except BrokerUnavailable:
            if len(rows) > self._chunk_rows:
                self._store.abandon(task_id, self._task_ttl)
            else:
                self._store.forget(task_id)
            raise
        return task_id

    def _hand_over(
        self, rows: Sequence[Row], request_id: str, task_id: str, expires_at: float
    ) -> None:
        """Publishes an asynchronous task; the broker has it once this returns."""
        confirmed: Slot[BrokerUnavailable | Literal[True]] = Slot()
        self._publish(
            Lane.ASYNC,
            task_id,
            rows,
            lambda error: confirmed.put(error or True),
            expires_at=expires_at,
            expires_in=self._task_ttl,
            request_id=request_id,
        )
        outcome = confirmed.get(self._publish_bound)
        if outcome is None:
            raise BrokerUnavailable("The broker did not confirm the message in time")
        if outcome is not True:
            raise outcome.anew()

    def submit_once(self, rows: Sequence[Row], request_id: str, key: str, body: bytes) -> str:
        """``submit`` that, for one idempotency key and body, is done once.

        The task id follows from key and body, so even a request whose process died halfway
        repeats as the same task. Raises also InvalidParameter where the key was used with
        another body, Conflict while its first request is still being accepted.
        """
        fingerprint = hashlib.sha256(body).hexdigest()
        task_id = str(uuid.uuid5(_IDEMPOTENCY_NAMESPACE, f"{key} {fingerprint}"))
        record = IdempotencyRecord(fingerprint, task_id, accepted=False, holder=str(uuid.uuid4()))
        redis_key = "regno:idempotency:" + hashlib.sha256(key.encode()).hexdigest()
        held = self._reserve(redis_key, record)
        if held is not None:
            return held
        new = False
        try:
            expires_at = self._wall_clock() + self._task_ttl
            new = self._store.mark_pending(task_id)
            self._hand_over(rows, request_id, task_id, expires_at)
        except Exception:
            self._store.release(redis_key, record, forget=new)
            raise
        self._store.confirm(redis_key, record)
        return task_id

    def wait(self, task_id: str, deadline: float) -> RawResult:
        """What is known of a task, at the latest at the deadline, sooner when it has ended.

        Raises UnknownTask, ResultStoreUnavailable.
        """
        stored = self._stored(task_id)
        remaining = deadline - self._clock()
        if is_terminal(stored) or remaining <= 0:
            return stored
        with self._replies.watching(task_id) as slot:
            answer = self._answer(slot, deadline)
        if answer is not None:
            return answer
        deaf = self._replies.problem()
        if deaf is not None:  # and to read again would only take longer
            raise ResultStoreUnavailable(deaf)
        return stored

    def cancel(self, task_id: str) -> RawResult:
        """Cancels a task that has not started; what was known of it before.

        Raises UnknownTask, ResultStoreUnavailable.
        """
        before = self._store.cancel(task_id)
        if before is None:
            raise UnknownTask(f"There is no task {task_id}")
        return before

    def problems(self) -> dict[str, str]:
        """The parts that keep this process from serving, each with the reason.

        With one lane that can be published to it serves.
        """
        missing = self.missing_lanes()
        broker = "; ".join(dict.fromkeys(missing.values())) if len(missing) == len(Lane) else None
        redis = self._replies.problem() or self._timekeeper.problem()
        found = {"broker": broker, "redis": redis}
        return {part: reason for part, reason in found.items() if reason is not None}

    def missing_lanes(self) -> dict[Lane, str]:
        """The lanes that cannot be published to, each with the reason."""
        found = {lane: publisher.problem() for lane, publisher in self._publishers.items()}
        return {lane: reason for lane, reason in found.items() if reason is not None}

    def _publish(
        self,
        lane: Lane,
        task_id: str,
        rows: Sequence[Row],
        done: Done,
        *,
        expires_at: float,
        expires_in: float,
        request_id: str,
        cache: CacheTicket | None = None,
    ) -> None:
        """Hands a task over, in chunks where it is large; ``done`` is told of errors, or once."""
        trace = CURRENT_TRACE.get()
        if self._tracing is not None and trace is not None and trace.sampled:
            trace, done = self._tracing.publishing(trace, lane, task_id, done)
        parts = split(task_id, rows, self._chunk_rows)
        confirmed = done if len(parts) == 1 else when_all(len(parts), done)
        for part in parts:
            message = task_message(
                lane,
                part.task_id,
                part.rows,
                expires_at=expires_at,
                expires_in=expires_in,
                reply_to=self._replies.channel if lane is Lane.SYNC else None,
                request_id=request_id,
                chunk=part.chunk,
                cache=cache,
                trace=trace,
            )
            self._publishers[lane].publish(message, confirmed)

    def _stored(self, task_id: str) -> RawResult:
        stored = self._store.read([task_id])[0]
        if stored is None:
            raise UnknownTask(f"There is no task {task_id}")
        return stored

    def _answer(self, slot: Slot[Answer], deadline: float) -> RawResult | None:
        answer = slot.get(deadline - self._clock())
        if isinstance(answer, RetryLater):
            raise answer.anew()
        return answer

    def _reserve(self, redis_key: str, record: IdempotencyRecord) -> str | None:
        """The id of the task an idempotency key stands for already, None for a new key."""
        give_up = self._clock() + self._publish_bound
        while (held := self._store.reserve(redis_key, record, self._lease)) is not None:
            if held.fingerprint != record.fingerprint:
                raise InvalidParameter(
                    "This key was used with another body before", "Idempotency-Key"
                )
            if held.accepted:
                return held.task_id
            if self._clock() >= give_up:
                raise Conflict("A request with this Idempotency-Key is still being accepted")
            time.sleep(0.02)
        return None
