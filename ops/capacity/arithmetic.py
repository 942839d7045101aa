"""From what was measured to how many pods: arithmetic only, no files and no clock."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple


class Load(NamedTuple):
    """What one process of a part, or one server, used at one rate."""

    rate: float
    """Requests a second."""
    cores: float
    """CPU seconds a second."""

    @property
    def cost(self) -> float:
        """CPU seconds a request."""
        return self.cores / self.rate


def rate_at(loads: Sequence[Load], cores: float) -> float:
    """Requests a second at which a process uses so much CPU, between two measured loads.

    ``loads`` by rising rate. Below the first each request is taken to cost what it cost there.
    Never more than the highest rate that was measured: what lies beyond, nobody has seen.
    """
    first, last = loads[0], loads[-1]
    if cores <= first.cores:
        return cores / first.cost
    for low, high in pairwise(loads):
        if low.cores <= cores <= high.cores:
            share = (cores - low.cores) / (high.cores - low.cores)
            return low.rate + share * (high.rate - low.rate)
    return last.rate


def pods(rate: float, rate_of_one: float) -> int:
    """Pods for so many requests a second, with one to spare for a lost node or a roll-out."""
    return ceil(rate / rate_of_one) + 1


def cells(rate: float, rate_of_one: float) -> int:
    """Stacks of their own, each with its RabbitMQ and its Redis, that share the rate."""
    return ceil(rate / rate_of_one)


def core_range(loads: Sequence[Load], rate: float) -> tuple[float, float]:
    """CPU of a server at a rate, by its cheapest and by its dearest measured request.

    A request is cheap while batches are full, and dear while each is a batch of its own.
    """
    costs = [load.cost for load in loads]
    return rate * min(costs), rate * max(costs)


def channels(rows: float, processes: int) -> float:
    """Reply channels that a batch of ``rows`` requests speaks to, expected, of so many processes.

    Each request is from any process with the same chance.
    """
    spoken_to: float = 1 - (1 - 1 / processes) ** rows
    return processes * spoken_to
