"""How metrics are described, built and counted.

A metric's own counters take a lock, and in a gunicorn process a write to a shared file, for every
event: at a thousand requests a second that is work. A tally counts in plain numbers; ``report``
hands over what has gathered since the last time. It is for one thread, or the greenlets of one.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REPORT_SECONDS = 1.0
"""How often tallies are to be reported. A process that is killed loses what it had not."""


class BulkHistogram(Histogram):
    """prometheus_client's histogram, which can take many observations at once."""

    @property
    def bounds(self) -> Sequence[float]:
        """The upper bounds of its buckets, the last one infinite."""
        return self._upper_bounds

    def observe_all(self, counts: Sequence[int], total: float) -> None:
        """Observes what fell into each bucket, and its sum."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


@dataclass(frozen=True)
class CounterSpec:
    """A number that only rises."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: ClassVar[str] = "counter"

    def build(self, registry: CollectorRegistry) -> Counter:
        """The metric, registered."""
        return Counter(self.name, self.help, self.labels, registry=registry)


@dataclass(frozen=True)
class GaugeSpec:
    """A number that rises and falls. Processes that share a folder: the sum of the living."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: ClassVar[str] = "gauge"

    def build(self, registry: CollectorRegistry) -> Gauge:
        """The metric, registered."""
        return Gauge(
            self.name, self.help, self.labels, multiprocess_mode="livesum", registry=registry
        )


@dataclass(frozen=True)
class HistogramSpec:
    """How often a value fell into each of some ranges."""

    name: str
    help: str
    unit: str
    """Of the values, and so of the buckets."""
    buckets: tuple[float, ...]
    """Upper bounds; what lies above all of them is counted too."""
    labels: tuple[str, ...] = ()
    kind: ClassVar[str] = "histogram"

    def build(self, registry: CollectorRegistry) -> BulkHistogram:
        """The metric, registered."""
        return BulkHistogram(
            self.name, self.help, self.labels, buckets=self.buckets, registry=registry
        )


Spec = CounterSpec | GaugeSpec | HistogramSpec


class Count:
    """Events, counted until they are reported to every one of some counters."""

    __slots__ = ("_counters", "_events")

    def __init__(self, *counters: Counter) -> None:
        self._counters = counters
        self._events = 0

    def add(self, events: int = 1) -> None:
        """That many more."""
        self._events += events

    def report(self) -> None:
        """Hands over what was counted."""
        events, self._events = self._events, 0
        if events:
            for counter in self._counters:
                counter.inc(events)


class Distribution:
    """Values, counted by bucket until they are reported to a histogram."""

    __slots__ = ("_bounds", "_ceiling", "_counts", "_histogram", "_total")

    def __init__(self, histogram: BulkHistogram) -> None:
        self._histogram = histogram
        self._bounds = histogram.bounds
        self._ceiling = self._bounds[-2]
        self._counts = [0] * len(self._bounds)
        self._total = 0.0

    def add(self, value: float) -> None:
        """One value that this process has measured: finite, and not below 0."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def add_all(self, values: Iterable[float]) -> None:
        """Many values that callers sent; missing values, NaN, are left out.

        Callers may send any number. In the sum a value counts as at least 0 and at most the largest
        finite bound: Prometheus takes a sum that falls for one that started again at 0, and a
        single huge value would hide all others in the mean.
        """
        bounds, counts, ceiling = self._bounds, self._counts, self._ceiling
        total = 0.0
        for value in values:
            if not isnan(value):
                counts[bisect_left(bounds, value)] += 1
                if value >= ceiling:
                    total += ceiling
                elif value > 0.0:
                    total += value
        self._total += total

    def report(self) -> None:
        """Hands over what was counted."""
        counts, self._counts = self._counts, [0] * len(self._bounds)
        total, self._total = self._total, 0.0
        if any(counts):
            self._histogram.observe_all(counts, total)


class _Level(NamedTuple):
    gauge: Gauge
    read: Callable[[], float]

    def report(self) -> None:
        self.gauge.set(self.read())


class _Total:
    def __init__(self, counter: Counter, read: Callable[[], float]) -> None:
        self._counter = counter
        self._read = read
        self._reported = 0.0

    def report(self) -> None:
        total = self._read()
        self._counter.inc(total - self._reported)
        self._reported = total


class _Tally(Protocol):
    def report(self) -> None:
        """Hands over what was counted."""


_TallyT = TypeVar("_TallyT", bound=_Tally)


class Tallies:
    """All tallies of a process."""

    def __init__(self) -> None:
        self._tallies: list[_Tally] = []

    def count(self, *counters: Counter) -> Count:
        """A new count; a counter with labels is given as one of its children."""
        return self._kept(Count(*counters))

    def distribution(self, histogram: BulkHistogram) -> Distribution:
        """A new distribution; a histogram with labels is given as one of its children."""
        return self._kept(Distribution(histogram))

    def level(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """The gauge shows what ``read`` says at each report."""
        self._kept(_Level(gauge, read))

    def total(self, counter: Counter, read: Callable[[], float]) -> None:
        """The counter shows what ``read`` says at each report, which begins at 0 and only rises."""
        self._kept(_Total(counter, read))

    def report(self) -> None:
        """Hands everything over: to be called every REPORT_SECONDS, and before it is shown."""
        for tally in list(self._tallies):
            tally.report()

    def _kept(self, tally: _TallyT) -> _TallyT:
        self._tallies.append(tally)
        return tally
