"""What the cache of identical requests costs, and what it gives where requests repeat."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from ops.bench.figures import cpu, middle_round, ratio_of_rounds, throughput
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.systems import System
from ops.bench.table import Cell, Table
from ops.bench.work import Work

_CLIENTS = 32
_HOT_ROWS = 10
_PER_SECOND = 3000
"""More requests than are answered in a second: a new row must stay new for the round."""


class Case(NamedTuple):
    """A front door, and how many of ten requests hold one of a few rows that come back."""

    name: str
    system: System
    repeated_of_ten: int


class Readings:
    """Endless rows of which none is like another, and a few that come back."""

    def __init__(self, work: Work) -> None:
        self._hot = list(zip(work.rows, work.predictions, strict=True))[:_HOT_ROWS]
        self._new = _never_twice(work)

    def take(self, size: int, repeated_of_ten: int) -> Work:
        """So many rows; of each ten, so many come back."""
        pairs = [
            self._hot[n // 10 % len(self._hot)] if n % 10 < repeated_of_ten else next(self._new)
            for n in range(size)
        ]
        rows, predictions = zip(*pairs, strict=True)
        return Work(list(rows), list(predictions))


def _never_twice(work: Work) -> Iterator[tuple[dict[str, Any], Any]]:
    """The model sees the hour, not the fraction of a second, so the answers are known."""
    for number in count():
        at = number % len(work.rows)
        row = work.rows[at]
        moment = f"{row['time_check'][:19]}.{number:09}"
        yield row | {"time_check": moment}, work.predictions[at]


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start / 2 + lengths.warm_up + lengths.full_speed
    return lengths.rounds * 3 * each


def run(bench: Bench) -> Outcome:
    """Two front doors take turns on one worker, and nobody is always first."""
    cases = [
        Case("off", bench.service, 0),
        Case("on, none repeat", bench.cached, 0),
        Case("on, 9 of 10 repeat", bench.cached, 9),
    ]
    readings = Readings(bench.work)
    rounds: dict[str, list[dict[str, Any]]] = {case.name: [] for case in cases}
    for number_of_round in range(bench.lengths.rounds):
        for case in cases:
            bench.progress.step(f"cache, round {number_of_round + 1}: {case.name}")
            rounds[case.name].append(_one_turn(bench, case, readings))
        cases.append(cases.pop(0))
    off = rounds["off"]
    rows: list[list[Cell]] = []
    figures: dict[str, Any] = {}
    for name, of in rounds.items():
        middle = middle_round(of)
        speed = ratio_of_rounds(of, off, throughput).median
        cost = ratio_of_rounds(of, off, cpu).median
        figures[name] = middle | {"throughput_times_off": speed, "cpu_times_off": cost}
        latency = middle["latency_ms"]
        spent = middle["cpu_ms_per_request_sum"]
        row = [middle["good_per_second"], speed, latency["p50"], latency["p99"], spent, cost]
        rows.append([name, *row, middle["errors"]])
    table = Table(
        f"The cache of identical requests, {_CLIENTS} connections",
        f"Where nine of ten repeat, they hold one of {_HOT_ROWS} rows. Ratios are medians of those "
        "within each round.",
        (
            "cache",
            "requests/s",
            "times off",
            "p50 ms",
            "p99 ms",
            "CPU ms/request",
            "times off",
            "errors",
        ),
        rows,
    )
    return Outcome(figures, [], [table])


def _one_turn(bench: Bench, case: Case, readings: Readings) -> dict[str, Any]:
    running = bench.stand.use(case.system)
    for seconds in (bench.lengths.warm_up, bench.lengths.full_speed):
        work = readings.take(int(_PER_SECOND * seconds), case.repeated_of_ten)
        calls = work.calls(case.system.url, case.system.dialect)
        figures = at_full_speed(running, calls, bench.progress, clients=_CLIENTS, seconds=seconds)
    return figures


CACHE = Scenario("cache", planned, run)
