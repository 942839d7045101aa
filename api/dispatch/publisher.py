"""Hands messages to the broker from one thread, all that are ready at once."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from api.dispatch.backoff import Backoff
from api.dispatch.links import Link
from api.dispatch.lots import take_lot
from shared.errors import BrokerUnavailable
from shared.instruments import Count, Distribution
from shared.messages import TaskMessage
from shared.metrics import Unexpected, Where
from shared.reminder import Reminder

_logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often a connection is looked at and a lost one tried again, busy or not."""

MOST_DOUBT_SECONDS = 5.0
"""A full queue refuses a new connection too, and may be full for hours."""

MAX_TOGETHER = 64
"""Messages sent in one go: enough to share the confirm, few enough to stay prompt."""

Done = Callable[[BrokerUnavailable | None], None]
"""Called once a message: with None when the broker has it, else with the reason."""


class PublisherCounts(NamedTuple):
    """What a publisher counts."""

    durations: Distribution
    """Seconds from being given a message until it is confirmed."""
    failures: Count
    """Messages that the broker has not taken."""
    unexpected: Unexpected


class _Entry(NamedTuple):
    message: TaskMessage
    done: Done
    given_at: float


class Publisher:
    """One connection to the broker and the thread that owns it.

    While one lot waits for its confirms the next gathers, so the busier it is the larger
    the lots. Without a connection a message fails at once instead of waiting for one.
    """

    def __init__(
        self,
        connect: Callable[[float], Link],
        timeout: float,
        counts: PublisherCounts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout`` bounds, in seconds, each of waiting for its turn and being confirmed."""
        self._clock = clock
        self._connect = connect
        self._timeout = timeout
        self._counts = counts
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._link: Link | None = None
        self._look_at = clock()
        self._reminder = Reminder(clock)
        self._doubts = Backoff(clock, LOOK_SECONDS, MOST_DOUBT_SECONDS)
        self._problem: BrokerUnavailable | None = BrokerUnavailable("Not connected to the broker")
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Starts connecting in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Sends what was given before, then closes the connection."""
        self._entries.put(None)
        self._thread.join()

    def publish(self, message: TaskMessage, done: Done) -> None:
        """Returns at once; ``done`` must not block and is called within two timeouts or so."""
        self._entries.put(_Entry(message, done, self._clock()))

    def problem(self) -> str | None:
        """Why nothing can be published at the moment, or None."""
        if self._problem is not None:
            return self._problem.detail
        link = self._link  # which may be replaced meanwhile
        return link.refuses() if link is not None else None

    def _run(self) -> None:
        entries: list[_Entry] = []
        stopping = False
        while True:
            try:
                if entries:
                    self._send(entries)
                if not stopping and (not entries or self._clock() >= self._look_at):
                    self._look_after_link()
            except Exception as error:
                # Without this thread nothing is published ever again, so nothing may end it.
                _logger.exception("publishing failed")
                self._counts.unexpected(Where.PUBLISHER)
                self._lose(error)
                self._fail(entries, BrokerUnavailable("Publishing failed"))
            if stopping:
                break
            entries, stopping = take_lot(self._entries, MAX_TOGETHER, LOOK_SECONDS)
        self._close()

    def _send(self, collected: list[_Entry]) -> None:
        # What is older is not sent: its caller will have been told that it was not accepted.
        since = self._clock() - self._timeout
        late = [entry for entry in collected if entry.given_at < since]
        self._fail(late, BrokerUnavailable("No turn in time"))
        entries = [entry for entry in collected if entry.given_at >= since]
        link = self._link
        if link is None:
            self._fail(entries, self._problem or BrokerUnavailable("Not connected to the broker"))
            return
        refused = link.refuses()
        if refused is not None:
            self._fail(entries, BrokerUnavailable(f"The broker takes nothing: {refused}"))
            return
        try:
            refusals = link.send([entry.message for entry in entries], self._timeout)
        except link.errors as error:
            self._lose(error)
            self._fail(entries, BrokerUnavailable("The broker did not confirm the message"))
            return
        if len(refusals) < len(entries):
            self._doubts.over()
        confirmed_at = self._clock()
        for entry in entries:
            reason = refusals.get(entry.message.task_id) if refusals else None
            if reason:
                self._fail([entry], BrokerUnavailable(reason))
            else:
                self._counts.durations.add(confirmed_at - entry.given_at)
                entry.done(None)

    def _fail(self, entries: list[_Entry], error: BrokerUnavailable) -> None:
        self._counts.failures.add(len(entries))
        for entry in entries:
            entry.done(error)

    def _look_after_link(self) -> None:
        if self._link is not None:
            try:
                self._link.idle()
            except self._link.errors as error:
                self._lose(error)
        if self._link is not None and self._link.doubtful() and self._doubts.due():
            _logger.info("connecting anew: nothing was taken on this connection yet")
            self._close()
        if self._link is None:
            self._open()
        self._look_at = self._clock() + LOOK_SECONDS

    def _open(self) -> None:
        try:
            self._link = self._connect(self._timeout)
        except BrokerUnavailable as error:
            self._problem = error
            if self._reminder.due(error.detail):
                _logger.warning("cannot publish: %s", error)
            return
        self._problem = None
        self._reminder.over()
        _logger.info("connected to the broker")

    def _lose(self, error: Exception) -> None:
        _logger.warning("lost the broker: %s", error)
        self._problem = BrokerUnavailable("Lost the connection to the broker")
        self._look_at = self._clock()  # most often there is another one at once
        self._close()

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
