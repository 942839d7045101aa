"""Latency against offered load: the service's curve beside those of its peers."""

from collections import defaultdict
from typing import Any

from ops.bench.figures import latency_p99, middle_round
from ops.bench.lengths import Lengths
from ops.bench.measure import at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.systems import System
from ops.bench.table import Cell, Table

_SATURATED = 0.9
"""Below this share of the offered load a system is at its end, and so is its curve."""

Points = dict[str, dict[int, list[dict[str, Any]]]]
"""System to offered rate to the figures of each round."""


def planned(lengths: Lengths, systems: int) -> float:
    """Seconds, roughly: about half of the points lie beyond what a peer can do."""
    points = lengths.warm_up + lengths.curve * len(lengths.curve_rates) * 0.6
    count = min(systems, lengths.curve_systems)
    return lengths.rounds * count * (lengths.seconds_to_start + points)


def run(bench: Bench) -> Outcome:
    """The systems take turns within each round; each goes up until it cannot follow."""
    systems = [bench.service, *bench.peers][: bench.lengths.curve_systems]
    points: Points = {system.name: defaultdict(list) for system in systems}
    for number_of_round in range(bench.lengths.rounds):
        for system in systems:
            what = f"curve, round {number_of_round + 1}: {system.about}"
            _climb(bench, system, what, points[system.name])
    middle = {
        name: {rate: middle_round(of, by=latency_p99) for rate, of in by_rate.items()}
        for name, by_rate in points.items()
    }
    rows: list[list[Cell]] = [
        [
            system.about,
            rate,
            figures["good_per_second"],
            *(figures["latency_ms"][name] for name in ("p50", "p99", "p99.9")),
            figures["errors"],
            figures["cpu_ms_per_request_sum"],
            figures["load_generator_cpu_share"],
            len(points[system.name][rate]),
        ]
        for system in systems
        for rate, figures in middle[system.name].items()
    ]
    columns = (
        "system",
        "offered/s",
        "answered/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "errors",
        "CPU ms/request",
        "load generator, cores",
        "rounds",
    )
    remark = (
        "Open loop; the round of median p99. In each round a curve ends where less than 90% of "
        "what is offered is answered, so its last points may be of fewer rounds."
    )
    figures = {name: {str(rate): f for rate, f in of.items()} for name, of in middle.items()}
    return Outcome(figures, [], [Table("Latency against offered load", remark, columns, rows)])


def _climb(
    bench: Bench, system: System, what: str, points: dict[int, list[dict[str, Any]]]
) -> None:
    bench.progress.step(f"{what}, starting")
    running = bench.stand.use(system)
    calls = bench.work.calls(system.url, system.dialect)
    rates = bench.lengths.curve_rates
    warm_up = bench.lengths.warm_up
    at_rate(running, calls, bench.progress, rate=rates[0], seconds=warm_up)
    for rate in rates:
        bench.progress.step(f"{what}, {rate} a second")
        figures = at_rate(running, calls, bench.progress, rate=rate, seconds=bench.lengths.curve)
        points[rate].append(figures)
        if figures["good_per_second"] < _SATURATED * rate:
            return


CURVE = Scenario("curve", planned, run)
