"""What a run measured: latencies in an HDR histogram, and how each request ended."""

from collections import Counter
from http import HTTPStatus

from hdrh.histogram import HdrHistogram

_LONGEST_US = 120_000_000
_DIGITS = 3
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Record:
    """Counts and latencies of one run. Latencies are kept in microseconds, to 3 digits."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.wrong = 0
        """Answers with status 200 that were not the expected ones."""
        self._good = HdrHistogram(1, _LONGEST_US, _DIGITS)

    def add(self, status: int, seconds: float, right: bool = True) -> None:
        """One request that ended ``seconds`` after it should have been sent."""
        self.statuses[status] += 1
        if not right:
            self.wrong += 1
        elif status == HTTPStatus.OK:
            self._good.record_value(max(1, int(seconds * 1e6)))

    @property
    def total(self) -> int:
        """Requests that ended, in whatever way."""
        return sum(self.statuses.values())

    @property
    def good(self) -> int:
        """Requests with the right answer."""
        return self.statuses[HTTPStatus.OK] - self.wrong

    @property
    def errors(self) -> int:
        """Requests that ended in any other way."""
        return self.total - self.good

    def milliseconds(self, percentile: float) -> float:
        """A latency percentile of the good answers, in milliseconds; 0 where there are none."""
        return float(self._good.get_value_at_percentile(percentile)) / 1000

    def summary(self, seconds: float) -> dict[str, object]:
        """The figures of a run that took ``seconds``."""
        return {
            "seconds": round(seconds, 3),
            "requests": self.total,
            "good_per_second": round(self.good / seconds, 1),
            "errors": self.errors,
            "wrong": self.wrong,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "latency_ms": {f"p{p:g}": round(self.milliseconds(p), 3) for p in PERCENTILES}
            | {"max": round(float(self._good.get_max_value()) / 1000, 3)},
        }
