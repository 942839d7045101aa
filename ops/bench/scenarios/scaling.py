"""More workers, more rows: with a model that waits instead of computing.

Two cores cannot feed eight real models. Here each batch takes a worker 20 ms of waiting, so what
is measured is whether queue, front door and workers let capacity add up. A batch is one row and a
worker is sent two messages at most, so eight workers need 400 requests a second, which one front
door and two cores can do several times over, and none sits on messages while another has none.
"""

from typing import Any

from ops.bench.figures import middle_round, spread
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed
from ops.bench.peers.waiting_worker import ANSWER
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Cell, Table
from ops.bench.targets import Target

WORKERS = (1, 2, 4, 8)
_CLIENTS_PER_WORKER = 4
"""One row in the model, one at hand, and two on their way."""

_SHARE_OF_LINEAR = 0.9


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + lengths.warm_up + lengths.full_speed
    return lengths.rounds * len(WORKERS) * each


def run(bench: Bench) -> Outcome:
    """The numbers of workers take turns within each round."""
    rounds: dict[int, list[dict[str, Any]]] = {workers: [] for workers in WORKERS}
    for number_of_round in range(bench.lengths.rounds):
        for workers in WORKERS:
            bench.progress.step(f"scaling, round {number_of_round + 1}: {workers} workers")
            rounds[workers].append(_one_turn(bench, workers))
    shares = {workers: _share_of_linear(rounds, workers) for workers in WORKERS}
    middle = {workers: middle_round(of) for workers, of in rounds.items()}
    rows: list[list[Cell]] = [
        [
            str(workers),
            figures["good_per_second"],
            shares[workers],
            figures["latency_ms"]["p50"],
            figures["latency_ms"]["p99"],
            figures["errors"],
        ]
        for workers, figures in middle.items()
    ]
    targets = [
        Target(f"{workers} workers, share of linear", shares[workers], ">=", _SHARE_OF_LINEAR)
        for workers in WORKERS[1:]
    ]
    table = Table(
        "Scaling out: workers whose model waits 20 ms a batch",
        "One row a batch and a request, so a worker can answer 50 rows a second at the very most. "
        f"{_CLIENTS_PER_WORKER} connections a worker.",
        ("workers", "rows/s", "share of linear", "p50 ms", "p99 ms", "errors"),
        rows,
    )
    by_workers = {str(w): figures | {"share_of_linear": shares[w]} for w, figures in middle.items()}
    return Outcome(by_workers, targets, [table])


def _one_turn(bench: Bench, workers: int) -> dict[str, Any]:
    system = bench.waiting[workers]
    running = bench.stand.use(system)
    work = bench.work._replace(predictions=[ANSWER])
    calls = work.calls(system.url, system.dialect)
    clients = _CLIENTS_PER_WORKER * workers
    for seconds in (bench.lengths.warm_up, bench.lengths.full_speed):
        figures = at_full_speed(running, calls, bench.progress, clients=clients, seconds=seconds)
    return figures


def _share_of_linear(rounds: dict[int, list[dict[str, Any]]], workers: int) -> float:
    pairs = zip(rounds[workers], rounds[WORKERS[0]], strict=True)
    shares = [many["good_per_second"] / (workers * one["good_per_second"]) for many, one in pairs]
    return spread(shares).median


SCALING = Scenario("scaling", planned, run)
