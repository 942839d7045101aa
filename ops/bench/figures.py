"""What is made of rounds: pure functions over the figures of each."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """A figure over several rounds."""

    median: float
    lowest: float
    highest: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(round(median(values), 4), min(values), max(values))


def throughput(figures: dict[str, Any]) -> float:
    """Right answers a second."""
    return float(figures["good_per_second"])


def latency_p99(figures: dict[str, Any]) -> float:
    """In milliseconds."""
    return float(figures["latency_ms"]["p99"])


def latency_p50(figures: dict[str, Any]) -> float:
    """In milliseconds."""
    return float(figures["latency_ms"]["p50"])


def cpu(figures: dict[str, Any]) -> float:
    """Milliseconds per request, of every process of the system."""
    return float(figures["cpu_ms_per_request_sum"])


def middle_round(
    rounds: Sequence[dict[str, Any]], by: Callable[[dict[str, Any]], float] = throughput
) -> dict[str, Any]:
    """The round in the middle stands for all; what went wrong in any of them is added up.

    One round, and not a median for each figure, so that its figures belong together. At a
    constant rate every round has the same throughput: there, ``by`` should be a latency.
    """
    ordered = sorted(rounds, key=by)
    spreads = {
        of.__name__: spread([of(figures) for figures in rounds])._asdict()
        for of in (throughput, latency_p50, latency_p99, cpu)
    }
    return ordered[(len(ordered) - 1) // 2] | {
        "errors": sum(figures["errors"] for figures in rounds),
        "wrong": sum(figures["wrong"] for figures in rounds),
        "rounds": spreads,
    }


def ratio_of_rounds(
    ours: Sequence[dict[str, Any]],
    theirs: Sequence[dict[str, Any]],
    of: Callable[[dict[str, Any]], float],
) -> Spread:
    """Ours against theirs, round by round: neighbours in time met the same machine."""
    return spread([of(a) / of(b) for a, b in zip(ours, theirs, strict=True)])
