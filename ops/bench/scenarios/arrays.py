"""Arrays of 100 rows: how many rows a second."""

from typing import Any

from ops.bench.figures import middle_round
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.systems import System
from ops.bench.table import Cell, Table
from ops.bench.targets import Target

ROWS = 100
_CLIENTS = 16
_ROWS_PER_SECOND = 15_000.0


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + lengths.warm_up + lengths.full_speed
    return 2 * lengths.rounds * each


def run(bench: Bench) -> Outcome:
    """The service and Flask with the model inside, taking turns."""
    systems = [bench.service, *(peer for peer in bench.peers if peer.name == "flask")]
    rounds: dict[str, list[dict[str, Any]]] = {system.name: [] for system in systems}
    for number_of_round in range(bench.lengths.rounds):
        for system in systems:
            bench.progress.step(f"arrays, round {number_of_round + 1}: {system.about}")
            rounds[system.name].append(_one_turn(bench, system))
    middle = {name: middle_round(of) for name, of in rounds.items()}
    rows: list[list[Cell]] = [
        [
            system.about,
            middle[system.name]["rows_per_second"],
            *(middle[system.name]["latency_ms"][name] for name in ("p50", "p99")),
            middle[system.name]["errors"],
            middle[system.name]["cpu_ms_per_request_sum"] / ROWS,
        ]
        for system in systems
    ]
    columns = ("system", "rows/s", "p50 ms", "p99 ms", "errors", "CPU ms/row")
    title = f"Arrays of {ROWS} rows, {_CLIENTS} connections"
    rate = middle["regno"]["rows_per_second"]
    targets = [
        Target(f"arrays of {ROWS} rows", rate, ">=", _ROWS_PER_SECOND, "rows/s"),
        Target(f"errors with arrays of {ROWS} rows", middle["regno"]["errors"], "==", 0),
    ]
    return Outcome(middle, targets, [Table(title, "", columns, rows)])


def _one_turn(bench: Bench, system: System) -> dict[str, Any]:
    running = bench.stand.use(system)
    calls = bench.work.calls(system.url, system.dialect, ROWS)
    for seconds in (bench.lengths.warm_up, bench.lengths.full_speed):
        figures = at_full_speed(running, calls, bench.progress, clients=_CLIENTS, seconds=seconds)
    return figures | {"rows_per_second": round(figures["good_per_second"] * ROWS)}


ARRAYS = Scenario("arrays", planned, run)
