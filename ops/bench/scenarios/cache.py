"""What the cache of identical requests costs, and what it gives where requests repeat."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

from ops.bench.figures import cpu, middle_round, ratio_of_rounds, throughput
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.systems import System
from ops.bench.table import Cell, Table
from ops.bench.work import Calls, Work
from ops.load.loops import Ready

_CLIENTS = 32
_HOT_ROWS = 10
_ENOUGH = 10_000_000
"""Requests, more than any measurement sends."""
_DIGITS = 9
_PLACE = "?" * _DIGITS


class Case(NamedTuple):
    """A front door, and how many of ten requests hold one of a few rows that come back."""

    name: str
    system: System
    repeated_of_ten: int


class _Mixed:
    """Without end: of each ten, so many are one of a few that come back, the others are made."""

    def __init__(self, hot: Ready, new: Callable[[int], bytes], repeated_of_ten: int) -> None:
        self._hot = [hot[at] for at in range(min(_HOT_ROWS, len(hot)))]
        self._new = new
        self._repeated_of_ten = repeated_of_ten

    def __len__(self) -> int:
        return _ENOUGH

    def __getitem__(self, at: int, /) -> bytes:
        if at % 10 < self._repeated_of_ten:
            return self._hot[at // 10 % len(self._hot)]
        return self._new(at)


class Readings:
    """Requests of which none is like another, and a few that come back."""

    def __init__(self, work: Work, system: System, turns: Iterator[int]) -> None:
        """``turns`` numbers all turns, of other readings too: none has another's new rows.

        The model sees the hour, not the fraction of a second, so the answers are known.
        """
        self._hot = work.calls(system.url, system.dialect)
        rows = [row | {"time_check": f"{row['time_check'][:19]}.{_PLACE}"} for row in work.rows]
        around = work._replace(rows=rows).calls(system.url, system.dialect).requests
        self._around = [around[at].split(_PLACE.encode()) for at in range(len(around))]
        self._turns = turns

    def take(self, repeated_of_ten: int) -> Calls:
        """Those of one turn; of each ten, so many come back."""
        first = next(self._turns) * _ENOUGH

        def new(at: int) -> bytes:
            before, after = self._around[at % len(self._around)]
            return before + str(first + at).zfill(_DIGITS).encode() + after

        def answer(at: int) -> bytes:
            return self._hot.expected[at % len(self._hot.expected)]

        return Calls(
            _Mixed(self._hot.requests, new, repeated_of_ten),
            _Mixed(self._hot.expected, answer, repeated_of_ten),
        )


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
    turns = count()
    readings = {case.name: Readings(bench.work, case.system, turns) for case in cases}
    rounds: dict[str, list[dict[str, Any]]] = {case.name: [] for case in cases}
    for number_of_round in range(bench.lengths.rounds):
        for case in cases:
            bench.progress.step(f"cache, round {number_of_round + 1}: {case.name}")
            rounds[case.name].append(_one_turn(bench, case, readings[case.name]))
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
        calls = readings.take(case.repeated_of_ten)
        figures = at_full_speed(running, calls, bench.progress, clients=_CLIENTS, seconds=seconds)
    return figures


CACHE = Scenario("cache", planned, run)
