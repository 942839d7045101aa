"""What a run measured: latencies in HDR histograms, and how each request ended."""

from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from hdrh.histogram import HdrHistogram

from ops.load.connection import Reply

_LONGEST_US = 120_000_000
_DIGITS = 3
_DIGITS_BITS = 11
"""So many leading bits of a duration hold 3 digits: an HDR histogram tells apart no more."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
_OK, _REFUSED = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE


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
    """A histogram of durations, kept in microseconds to 3 digits.

    Counted under the lowest duration of each of the histogram's buckets, which a shift finds:
    recording in the histogram itself would take several times as long, between requests.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """One duration."""
        value = int(seconds * 1e6)
        if not 1 <= value <= _LONGEST_US:
            value = min(max(1, value), _LONGEST_US)
        shift = value.bit_length() - _DIGITS_BITS
        self._counts[value >> shift << shift if shift > 0 else value] += 1

    def milliseconds(self, percentile: float) -> float:
        """A percentile; 0 where there is none."""
        return float(self._histogram().get_value_at_percentile(percentile)) / 1000

    def summary(self) -> dict[str, float]:
        """Percentiles and the maximum, in milliseconds."""
        histogram = self._histogram()
        values = {f"p{p:g}": histogram.get_value_at_percentile(p) for p in PERCENTILES}
        values["max"] = histogram.get_max_value()
        return {name: round(float(value) / 1000, 3) for name, value in values.items()}

    def _histogram(self) -> HdrHistogram:
        histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)
        for value, count in self._counts.items():
            histogram.record_value(value, count)
        return histogram


class Recent(NamedTuple):
    """The good answers since the last look; latencies in milliseconds."""

    answers: int
    p50: float
    p99: float


def recent_of(latencies: Iterable[float]) -> Recent:
    """The figures of good answers, from their latencies in seconds."""
    ordered = sorted(latencies)
    if not ordered:
        return Recent(0, 0.0, 0.0)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return Recent(len(ordered), p50 * 1000, p99 * 1000)


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
        if status == _OK:
            if ended.right:
                self.good_latency.add(ended.latency)
                self._recent.append(ended.latency)
            else:
                self.wrong += 1
        elif status == _REFUSED:
            self.refusal_latency.add(ended.latency)
            self.retry_after += ended.reply.retry_after

    @property
    def good(self) -> int:
        """Requests with the right answer."""
        return self.statuses[_OK] - self.wrong

    @property
    def errors(self) -> int:
        """Requests that ended in any other way."""
        return self.total - self.good

    def take_recent(self) -> Recent:
        """What came since the last call.

        For progress: a percentile of the whole histogram takes milliseconds to find, in which
        nothing would be sent.
        """
        recent, self._recent = self._recent, []
        return recent_of(recent)

    def summary(self, seconds: float) -> dict[str, Any]:
        """The figures of a run that took ``seconds``."""
        refused = self.statuses[_REFUSED]
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
