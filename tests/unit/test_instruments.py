"""What is counted in plain numbers and reported now and then is what the metrics would show."""

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from shared.instruments import BulkHistogram, CounterSpec, HistogramSpec, Tallies

BUCKETS = (0.1, 0.5, 1.0)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tallies() -> Tallies:
    return Tallies()


def shown(registry: CollectorRegistry) -> list[str]:
    """The samples that are served, without when each series began."""
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#") and "_created" not in line]


def test_a_count_is_shown_once_it_is_reported_and_only_once(
    registry: CollectorRegistry, tallies: Tallies
) -> None:
    spec = CounterSpec("events_total", "Events.", ("kind",))
    counter = spec.build(registry)
    count = tallies.count(counter.labels("a"), counter.labels("both"))
    other = tallies.count(counter.labels("b"), counter.labels("both"))
    count.add()
    count.add(2)
    other.add()
    assert registry.get_sample_value("events_total", {"kind": "a"}) == 0
    for _ in range(2):
        tallies.report()
        values = [
            registry.get_sample_value("events_total", {"kind": k}) for k in ("a", "b", "both")
        ]
        assert values == [3, 1, 4]
    count.add()
    tallies.report()
    assert registry.get_sample_value("events_total", {"kind": "a"}) == 4


@pytest.mark.parametrize("labels", [(), ("feature",)])
def test_a_distribution_is_shown_as_if_every_value_had_been_observed(
    registry: CollectorRegistry, tallies: Tallies, labels: tuple[str, ...]
) -> None:
    values = [0.0, 0.1, 1.5, 0.10001, 100.0, 0.5, 0.75, 1.0]
    plain = CollectorRegistry()
    expected = Histogram("h", "H.", labels, buckets=BUCKETS, registry=plain)
    built = HistogramSpec("h", "H.", "units", BUCKETS, labels).build(registry)
    histogram: BulkHistogram = built.labels("x") if labels else built
    distribution = tallies.distribution(histogram)
    for value in values[:5]:
        distribution.add(value)
    tallies.report()
    distribution.add_all(values[5:])
    tallies.report()
    tallies.report()
    for value in values:
        (expected.labels("x") if labels else expected).observe(value)
    assert shown(registry) == shown(plain)


def test_values_that_are_missing_are_left_out(
    registry: CollectorRegistry, tallies: Tallies
) -> None:
    distribution = tallies.distribution(HistogramSpec("h", "H.", "u", BUCKETS).build(registry))
    distribution.add_all([math.nan, 0.25, math.nan])
    tallies.report()
    assert registry.get_sample_value("h_count") == 1
    assert registry.get_sample_value("h_sum") == 0.25


@pytest.mark.parametrize("sent", [-1.0, -1e308, -math.inf, 1e308, math.inf, -0.0])
def test_no_value_that_a_caller_sends_makes_a_sum_fall_or_hides_the_others_in_the_mean(
    registry: CollectorRegistry, tallies: Tallies, sent: float
) -> None:
    distribution = tallies.distribution(HistogramSpec("h", "H.", "u", BUCKETS).build(registry))
    distribution.add_all([0.5] * 100)
    tallies.report()
    before = registry.get_sample_value("h_sum")
    distribution.add_all([sent, sent])
    tallies.report()
    after = registry.get_sample_value("h_sum")
    assert before is not None
    assert after is not None
    assert before <= after <= before + 2 * BUCKETS[-1]
    assert registry.get_sample_value("h_count") == 102
    assert registry.get_sample_value("h_bucket", {"le": "1.0"}) == (100 if sent > 1 else 102)


def test_a_total_rises_to_what_is_read_when_it_is_reported(
    registry: CollectorRegistry, tallies: Tallies
) -> None:
    readings = iter((0.5, 0.75, 2.0))
    tallies.total(Counter("spent_total", "Spent.", registry=registry), lambda: next(readings))
    for shown in (0.5, 0.75, 2.0):
        tallies.report()
        assert registry.get_sample_value("spent_total") == shown


def test_a_level_is_read_when_it_is_reported(registry: CollectorRegistry, tallies: Tallies) -> None:
    waiting: list[int] = []
    tallies.level(Gauge("waiting", "Waiting.", registry=registry), lambda: len(waiting))
    waiting += [1, 2, 3]
    assert registry.get_sample_value("waiting") == 0
    tallies.report()
    assert registry.get_sample_value("waiting") == 3
