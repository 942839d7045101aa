"""The same service run in many ways: which worker class, how many processes, which batches."""

from typing import Any

from ops.bench.figures import cpu, latency_p50, latency_p99, spread, throughput
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed, at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.scenarios.arrays import ROWS
from ops.bench.scenarios.constant import RATE
from ops.bench.systems import System
from ops.bench.table import Cell, Table

_CLIENTS = 64
_ARRAY_CLIENTS = 16
_WAYS = 14


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + lengths.warm_up + 3 * lengths.sweep
    return _WAYS * lengths.rounds * each


def run(bench: Bench) -> Outcome:
    """Round by round through all ways, so that each meets the machine's good and bad minutes."""
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in bench.variants}
    for number_of_round in range(bench.lengths.rounds):
        for name, system in bench.variants.items():
            bench.progress.step(f"sweep, round {number_of_round + 1}: {name}")
            rounds[name].append(_one_turn(bench, system))
    figures = {name: _medians(of) for name, of in rounds.items()}
    rows: list[list[Cell]] = [[name, *of.values()] for name, of in figures.items()]
    columns = list(next(iter(figures.values())))
    remark = (
        f"Medians of {bench.lengths.rounds} rounds: single rows with {_CLIENTS} connections, "
        f"{RATE:g} requests a second, arrays of {ROWS} rows with {_ARRAY_CLIENTS} connections."
    )
    return Outcome(figures, [], [Table("Sweep", remark, ("way", *columns), rows)])


def _one_turn(bench: Bench, system: System) -> dict[str, dict[str, Any]]:
    running = bench.stand.use(system)
    calls = bench.work.calls(system.url, system.dialect)
    arrays = bench.work.calls(system.url, system.dialect, ROWS)
    lengths, watch = bench.lengths, bench.progress
    at_full_speed(running, calls, watch, clients=_CLIENTS, seconds=lengths.warm_up)
    seconds = lengths.sweep
    return {
        "full": at_full_speed(running, calls, watch, clients=_CLIENTS, seconds=seconds),
        "rate": at_rate(running, calls, watch, rate=RATE, seconds=seconds),
        "arrays": at_full_speed(running, arrays, watch, clients=_ARRAY_CLIENTS, seconds=seconds),
    }


def _medians(turns: list[dict[str, dict[str, Any]]]) -> dict[str, float]:
    def median(kind: str, of: Any) -> float:
        return spread([of(turn[kind]) for turn in turns]).median

    return {
        "requests/s": median("full", throughput),
        "CPU ms/request": median("full", cpu),
        f"p50 ms at {RATE:g}/s": median("rate", latency_p50),
        f"p99 ms at {RATE:g}/s": median("rate", latency_p99),
        f"CPU ms/request at {RATE:g}/s": median("rate", cpu),
        "array rows/s": ROWS * median("arrays", throughput),
        "errors": sum(turn[kind]["errors"] for turn in turns for kind in turn),
    }


SWEEP = Scenario("sweep", planned, run, by_default=False)
