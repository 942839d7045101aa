"""What is made of rounds: pure functions over the figures of each."""

from collections.abc import Sequence
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


def middle_round(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The round of median throughput stands for all; what went wrong in any of them is added up.

    One round, and not a median for each figure, so that its figures belong together.
    """
    ordered = sorted(rounds, key=lambda figures: figures["good_per_second"])
    rates = spread([figures["good_per_second"] for figures in rounds])
    cpu = spread([figures["cpu_ms_per_request_sum"] for figures in rounds])
    return ordered[(len(ordered) - 1) // 2] | {
        "errors": sum(figures["errors"] for figures in rounds),
        "wrong": sum(figures["wrong"] for figures in rounds),
        "rounds": {
            "good_per_second": rates._asdict(),
            "cpu_ms_per_request_sum": cpu._asdict(),
        },
    }


def ratio_of_rounds(
    ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], name: str
) -> Spread:
    """Ours against theirs, round by round: neighbours in time met the same machine."""
    return spread([a[name] / b[name] for a, b in zip(ours, theirs, strict=True)])
