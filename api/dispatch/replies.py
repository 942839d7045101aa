"""Hears the results of this process's tasks, whatever happens to the connection.

The published message is only a hint that comes early; the stored result is the truth. So
each time a channel becomes audible, the first time and after every reconnect, the stored
results of everything that waits on it are read: nothing hangs because a socket dropped.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from redis import RedisError

from api.dispatch.slot import Slot
from api.dispatch.subscription import Event, Subscription
from api.dispatch.task_store import TaskStore, is_terminal
from api.dispatch.waiters import Answer, WaiterTable
from shared.errors import DeadlineExceeded, RegnoError, ResultStoreUnavailable
from shared.log_throttle import LogThrottle
from shared.metrics import Unexpected, Where
from shared.reminder import Reminder
from shared.results import KEY_PREFIX, REPLY_PREFIX, decode_result, decode_results, result_key

_logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.2

_WOKEN_TOGETHER = 16
"""Waiters woken in one go: a batch's results come together, up to a hundred and more, and each
waiter has its response still to make. Whoever else calls is looked at in between."""

_NEXT_TURN_SECONDS = 1e-9
"""A sleep so short lets the woken ones run and the sockets be looked at, and waits no longer."""


class ReplyListener:
    """The one subscription of an api process, and the thread that reads it."""

    def __init__(
        self,
        connect: Callable[[], Subscription],
        store: TaskStore,
        waiters: WaiterTable,
        unexpected: Unexpected,
    ) -> None:
        """``connect`` opens a subscription or raises redis.RedisError."""
        self.channel = f"{REPLY_PREFIX}{uuid.uuid4()}"
        self._connect = connect
        self._store = store
        self._waiters = waiters
        self._unexpected = unexpected
        self._watched: dict[str, int] = {}
        self._unreadable = LogThrottle(time.monotonic)
        self._reminder = Reminder(time.monotonic)
        self._watching = threading.Lock()
        self._subscription: Subscription | None = None
        self._heard = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replies", daemon=True)

    def start(self) -> None:
        """Starts listening in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the subscription, within a second or so."""
        self._stopping.set()
        self._thread.join()

    def problem(self) -> str | None:
        """Why results are not heard at the moment, or None."""
        return None if self._heard else "Not subscribed to results in Redis"

    def no_answer(self) -> RegnoError:
        """Why a wait has lasted to its deadline: DeadlineExceeded or ResultStoreUnavailable."""
        deaf = self.problem()
        if deaf is not None:
            return ResultStoreUnavailable(deaf)
        return DeadlineExceeded("No answer within the deadline")

    @contextmanager
    def watching(self, task_id: str) -> Iterator[Slot[Answer]]:
        """A slot that gets the result of any task, published by this process or another.

        A task that is done already is found too: its stored result is read as soon as its
        channel is heard.
        """
        with self._waiters.waiting(task_id) as slot:
            self._watch(task_id)
            try:
                yield slot
            finally:
                self._unwatch(task_id)

    def _watch(self, task_id: str) -> None:
        with self._watching:
            self._watched[task_id] = self._watched.get(task_id, 0) + 1
            # Subscribed again where it is already: each new watcher needs the confirmation.
            self._tell(lambda subscription: subscription.subscribe(result_key(task_id)))

    def _unwatch(self, task_id: str) -> None:
        with self._watching:
            self._watched[task_id] -= 1
            if not self._watched[task_id]:
                del self._watched[task_id]
                self._tell(lambda subscription: subscription.unsubscribe(result_key(task_id)))

    def _tell(self, command: Callable[[Subscription], None]) -> None:
        """Without a connection there is nothing to tell: the next one starts from the table."""
        if self._subscription is None:
            return
        try:
            command(self._subscription)
        except RedisError as error:
            _logger.warning("lost the subscription: %s", error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except (RedisError, ResultStoreUnavailable) as error:
                if not self._stopping.is_set() and self._reminder.due(str(error)):
                    _logger.warning("not subscribed: %s", error)
            except Exception:
                # Without this thread the process answers nobody, so nothing may end it: whatever
                # it was is logged with its traceback, and the next subscription starts afresh.
                _logger.exception("the subscription failed")
                self._unexpected(Where.REPLIES)
            finally:
                self._heard = False
                subscription, self._subscription = self._subscription, None
                if subscription is not None:
                    subscription.close()
            self._stopping.wait(RECONNECT_SECONDS)

    def _listen(self) -> None:
        subscription = self._connect()
        with self._watching:
            self._subscription = subscription
            subscription.subscribe(self.channel, *map(result_key, self._watched))
        while not self._stopping.is_set():
            event = subscription.next_event()
            if event is not None:
                self._handle(event)

    def _handle(self, event: Event) -> None:
        mine = event.channel == self.channel
        if event.kind == "subscribe":
            self._heard = self._heard or mine
            self._reminder.over()
            task_ids = self._waiters.task_ids() if mine else [event.channel[len(KEY_PREFIX) :]]
            self._deliver_stored(task_ids)
            return
        try:
            results = decode_results(event.data) if mine else [decode_result(event.data)]
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            if self._unreadable.pass_line() is not None:
                _logger.warning("unreadable message on %s: %s", event.channel, error)
            return
        for place, result in enumerate(results):
            if place and place % _WOKEN_TOGETHER == 0:
                time.sleep(_NEXT_TURN_SECONDS)
            self._waiters.deliver(result.task_id, result)

    def _deliver_stored(self, task_ids: list[str]) -> None:
        for result in self._store.read(task_ids):
            if result is not None and is_terminal(result):
                self._waiters.deliver(result.task_id, result)
