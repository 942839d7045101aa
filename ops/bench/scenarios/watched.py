"""What it costs to be watched: scraping, Flower, logs and traces together, against none of them."""

from statistics import median
from typing import Any

from ops.bench.figures import cpu, latency_p50, latency_p99, ratio_of_rounds, spread, throughput
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed, at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.scenarios.constant import RATE
from ops.bench.systems import System
from ops.bench.table import Cell, Table
from ops.bench.targets import Target
from ops.bench.watched import WATCHERS

_CLIENTS = 32
_LONGER = 2
"""So many times the usual rounds: a tenth is not much more than what rounds differ by."""

_NOTICED_SECONDS = 8.0
"""After that Flower has asked for tasks and Prometheus has scraped."""

_SHARE = 0.9

Rounds = list[dict[str, dict[str, Any]]]


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + _NOTICED_SECONDS + lengths.full_speed + lengths.sweep
    return 2 * _LONGER * lengths.rounds * each


def run(bench: Bench) -> Outcome:
    """Both ways take turns, and neither is always first. Raises ValueError without the pair."""
    if bench.watched is None:
        raise ValueError("the service is not watched in this run")
    systems = list(bench.watched)
    rounds: dict[str, Rounds] = {system.name: [] for system in systems}
    for number in range(_LONGER * bench.lengths.rounds):
        for system in systems:
            bench.progress.step(f"watched, round {number + 1}: {system.about}")
            rounds[system.name].append(_one_turn(bench, system))
        systems.reverse()
    full = {name: [turn["full"] for turn in of] for name, of in rounds.items()}
    rate = {name: [turn["rate"] for turn in of] for name, of in rounds.items()}
    share = ratio_of_rounds(full["watched"], full["unwatched"], throughput)
    figures = {
        "share_of_throughput": share._asdict(),
        "times_cpu": ratio_of_rounds(full["watched"], full["unwatched"], cpu)._asdict(),
        "times_cpu_at_rate": ratio_of_rounds(rate["watched"], rate["unwatched"], cpu)._asdict(),
        "rounds": rounds,
    }
    errors = sum(turn[of]["errors"] for turns in rounds.values() for turn in turns for of in turn)
    targets = [
        Target("throughput of the watched service, share", share.median, ">=", _SHARE),
        Target("errors, watched and not", errors, "==", 0),
    ]
    rows: list[list[Cell]] = [_row(name, full[name], rate[name]) for name in full]
    columns = (
        "service", "requests/s", "CPU ms/request", "of it watchers",
        f"p50 ms at {RATE:g}/s", "p99 ms", "CPU ms/request", "of it watchers",
    )  # fmt: skip
    remark = (
        f"Medians of {len(full['watched'])} rounds: at full speed with {_CLIENTS} connections, "
        f"then at {RATE:g} requests a second. Share of throughput: {share.median:.3f} "
        f"({share.lowest:.3f} to {share.highest:.3f}), round by round."
    )
    return Outcome(figures, targets, [Table("What watching costs", remark, columns, rows)])


def _one_turn(bench: Bench, system: System) -> dict[str, dict[str, Any]]:
    running = bench.stand.use(system)
    calls = bench.work.calls(system.url, system.dialect)
    watch, lengths = bench.progress, bench.lengths
    at_rate(running, calls, watch, rate=RATE, seconds=_NOTICED_SECONDS)
    full = at_full_speed(running, calls, watch, clients=_CLIENTS, seconds=lengths.full_speed)
    return {
        "full": full,
        "rate": at_rate(running, calls, watch, rate=RATE, seconds=lengths.sweep),
    }


def _row(name: str, full: list[dict[str, Any]], rate: list[dict[str, Any]]) -> list[Cell]:
    def of_watchers(rounds: list[dict[str, Any]]) -> float:
        values: list[float] = [one["cpu_ms_per_request"].get(WATCHERS, 0.0) for one in rounds]
        return round(median(values), 3)

    def middle(of: Any, rounds: list[dict[str, Any]]) -> float:
        return spread([of(one) for one in rounds]).median

    return [
        name,
        middle(throughput, full),
        middle(cpu, full),
        of_watchers(full),
        middle(latency_p50, rate),
        middle(latency_p99, rate),
        middle(cpu, rate),
        of_watchers(rate),
    ]


WATCHED = Scenario("watched", planned, run, by_default=False, watches=True)
