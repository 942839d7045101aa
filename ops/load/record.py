"""What a run measured: latencies in HDR histograms, and how each request ended."""

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from ops.load.connection import Reply

_LONGEST_US = 120_000_000
_DIGITS = 3
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Ended(NamedTuple):
    """A request that has ended."""

    reply: Reply
    right: bool
    """Whether the reply was the expected one, where one was expected."""
    due: float
    """When it should have been sent, in seconds from the beginning of the run."""
    latency: float
    """Seconds from then to the reply."""
    late: float = 0.0
    """Seconds from then until the load generator came to it: its own part of the latency."""


Add = Callable[[Ended], None]


class Latencies:
    """A histogram of durations, kept in microseconds to 3 digits."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)

    def add(self, seconds: float) -> None:
        """One duration."""
        self._histogram.record_value(min(max(1, int(seconds * 1e6)), _LONGEST_US))

    def milliseconds(self, percentile: float) -> float:
        """A percentile; 0 where there is none."""
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000

    def summary(self) -> dict[str, float]:
        """Percentiles and the maximum, in milliseconds."""
        figures = {f"p{p:g}": round(self.milliseconds(p), 3) for p in PERCENTILES}
        return figures | {"max": round(float(self._histogram.get_max_value()) / 1000, 3)}


class Recent(NamedTuple):
    """The good answers since the last look; latencies in milliseconds."""

    answers: int
    p50: float
    p99: float


class Record:
    """Counts and latencies of one run."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.total = 0
        """Requests that ended, in whatever way."""
        self.wrong = 0
        """Answers with status 200 that were not the expected ones."""
        self.retry_after = 0
        """Refusals (503) that said when to come again."""
        self.good_latency = Latencies()
        self.refusal_latency = Latencies()
        self.lateness = Latencies()
        self._recent: list[float] = []

    def add(self, ended: Ended) -> None:
        """Counts one request."""
        status = ended.reply.status
        self.total += 1
        self.statuses[status] += 1
        self.lateness.add(ended.late)
        if status == HTTPStatus.OK:
            if ended.right:
                self.good_latency.add(ended.latency)
                self._recent.append(ended.latency)
            else:
                self.wrong += 1
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.refusal_latency.add(ended.latency)
            self.retry_after += ended.reply.retry_after

    @property
    def good(self) -> int:
        """Requests with the right answer."""
        return self.statuses[HTTPStatus.OK] - self.wrong

    @property
    def errors(self) -> int:
        """Requests that ended in any other way."""
        return self.total - self.good

    def take_recent(self) -> Recent:
        """What came since the last call.

        For progress: a percentile of the whole histogram takes milliseconds to find, in which
        nothing would be sent.
        """
        recent, self._recent = sorted(self._recent), []
        if not recent:
            return Recent(0, 0.0, 0.0)
        p50, p99 = recent[len(recent) // 2], recent[len(recent) * 99 // 100]
        return Recent(len(recent), p50 * 1000, p99 * 1000)

    def summary(self, seconds: float) -> dict[str, Any]:
        """The figures of a run that took ``seconds``."""
        refused = self.statuses[HTTPStatus.SERVICE_UNAVAILABLE]
        return {
            "seconds": round(seconds, 3),
            "requests": self.total,
            "good_per_second": round(self.good / seconds, 1),
            "errors": self.errors,
            "wrong": self.wrong,
            "statuses": {str(status): n for status, n in sorted(self.statuses.items()) if n},
            "sent_late_ms": self.lateness.summary(),
            "latency_ms": self.good_latency.summary(),
            "refused": {
                "count": refused,
                "with_retry_after": self.retry_after,
                "latency_ms": self.refusal_latency.summary(),
            },
        }
