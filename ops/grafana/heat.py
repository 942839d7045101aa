"""Cumulative histogram buckets over time, turned into what each bucket holds by itself."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ops.watch.prometheus import Series


class Heat(NamedTuple):
    """``counts[b][t]`` is what bucket ``b`` holds at instant ``times[t]``."""

    times: list[float]
    """Unix seconds."""
    bounds: list[str]
    """Upper bound of each bucket, the lowest first, as Prometheus writes it."""
    counts: list[list[float]]


def heat(series: Sequence[Series]) -> Heat:
    """The lines of one histogram, each with its ``le``. A missing value counts as 0."""
    lines = sorted(series, key=lambda line: float(line.labels["le"]))
    times = sorted({at for line in lines for at, _ in line.points})
    below = [0.0] * len(times)
    counts = []
    for line in lines:
        values = dict(line.points)
        cumulative = [_number(values.get(at, 0.0)) for at in times]
        counts.append([max(0.0, high - low) for high, low in zip(cumulative, below, strict=True)])
        below = cumulative
    return Heat(times, [line.labels["le"] for line in lines], counts)


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value
