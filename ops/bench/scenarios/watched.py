"""What it costs to be watched: scraping, Flower, logs and traces together, against none of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ops.bench.figures import (
    Spread,
    cpu,
    latency_p50,
    latency_p99,
    ratio_of_rounds,
    spread,
    throughput,
)
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed, at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.scenarios.constant import RATE
from ops.bench.systems import System
from ops.bench.table import Cell, Table
from ops.bench.targets import Target
from ops.bench.watched import UNWATCHED, WATCHED, WATCHERS, WITH_FLOWER, ThreeWays

_CLIENTS = 32
_LONGER = 3
"""So many times the usual rounds: a tenth is not much more than what rounds differ by."""

_NOTICED_SECONDS = 8.0
"""After that Flower has asked for tasks and Prometheus has scraped."""

_WATCHED_SHARE, _FLOWER_SHARE = 0.9, 0.95
"""Of the throughput of the service that nothing watches."""

Turn = dict[str, dict[str, Any]]
"""One way in one round: its figures at full speed and at a constant rate."""

Figures = Mapping[str, Sequence[dict[str, Any]]]
"""Those of each round of each way."""


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + _NOTICED_SECONDS + lengths.full_speed + lengths.sweep
    return len(ThreeWays._fields) * _LONGER * lengths.rounds * each


def run(bench: Bench) -> Outcome:
    """The ways take turns, and none is always first. Raises ValueError without them."""
    if bench.watched is None:
        raise ValueError("the service is not watched in this run")
    systems = list(bench.watched)
    rounds: dict[str, list[Turn]] = {system.name: [] for system in systems}
    for number in range(_LONGER * bench.lengths.rounds):
        for system in systems:
            bench.progress.step(f"watched, round {number + 1}: {system.about}")
            rounds[system.name].append(_one_turn(bench, system))
        systems.reverse()
    return watched_outcome(rounds)


def watched_outcome(rounds: Mapping[str, Sequence[Turn]]) -> Outcome:
    """What the rounds of each way say; shares are taken round by round."""
    full = {name: [turn["full"] for turn in turns] for name, turns in rounds.items()}
    rate = {name: [turn["rate"] for turn in turns] for name, turns in rounds.items()}
    shares = {
        name: ratio_of_rounds(full[name], full[UNWATCHED], throughput)
        for name in (WITH_FLOWER, WATCHED)
    }
    figures = {
        name: {
            "share_of_throughput": share._asdict(),
            "times_cpu": ratio_of_rounds(full[name], full[UNWATCHED], cpu)._asdict(),
            "times_cpu_at_rate": ratio_of_rounds(rate[name], rate[UNWATCHED], cpu)._asdict(),
        }
        for name, share in shares.items()
    }
    errors = sum(turn[of]["errors"] for turns in rounds.values() for turn in turns for of in turn)
    targets = [
        Target("throughput when watched, share", shares[WATCHED].median, ">=", _WATCHED_SHARE),
        Target(
            "throughput with Flower alone, share", shares[WITH_FLOWER].median, ">=", _FLOWER_SHARE
        ),
        Target("errors, watched and not", errors, "==", 0),
    ]
    return Outcome({**figures, "rounds": rounds}, targets, [_table(full, rate, shares)])


def _table(full: Figures, rate: Figures, shares: Mapping[str, Spread]) -> Table:
    of_throughput = ", ".join(
        f"{name} {share.median:.3f} ({share.lowest:.3f} to {share.highest:.3f})"
        for name, share in shares.items()
    )
    remark = (
        f"Medians of {len(full[WATCHED])} rounds: at full speed with {_CLIENTS} connections, then "
        f"at {RATE:g} requests a second. Share of throughput, round by round: {of_throughput}."
    )
    columns = (
        "service", "requests/s", "CPU ms/request", "of it watchers",
        f"p50 ms at {RATE:g}/s", "p99 ms", "CPU ms/request", "of it watchers",
    )  # fmt: skip
    rows = [_row(name, full[name], rate[name]) for name in full]
    return Table("What watching costs", remark, columns, rows)


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


def _row(name: str, full: Sequence[dict[str, Any]], rate: Sequence[dict[str, Any]]) -> list[Cell]:
    return [
        name,
        _middle(throughput, full),
        _middle(cpu, full),
        _middle(_of_watchers, full),
        _middle(latency_p50, rate),
        _middle(latency_p99, rate),
        _middle(cpu, rate),
        _middle(_of_watchers, rate),
    ]


def _middle(of: Callable[[dict[str, Any]], float], rounds: Sequence[dict[str, Any]]) -> float:
    return spread([of(figures) for figures in rounds]).median


def _of_watchers(figures: dict[str, Any]) -> float:
    return float(figures["cpu_ms_per_request"].get(WATCHERS, 0.0))


WATCHING = Scenario("watched", planned, run, by_default=False, watches=True)
