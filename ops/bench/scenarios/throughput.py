"""Single rows, each waited for: how many a second, and at what cost, beside the peers."""

from collections.abc import Mapping
from typing import Any

from ops.bench.figures import Spread, cpu, middle_round, ratio_of_rounds, spread, throughput
from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.systems import OPTIONAL, PEERS_PYTHON, System
from ops.bench.table import Cell, Table, number
from ops.bench.targets import Target

CLIENTS = (32, 64)

_TIMES_NAIVE = 4.0
_SHARE_OF_FLASK = 0.75
_CPU_MS = 1.5
_CPU_TIMES_FLASK = 1.3

Rounds = dict[str, dict[int, list[dict[str, Any]]]]
"""System to connections to the figures of each round."""


def planned(lengths: Lengths, systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.seconds_to_start + lengths.warm_up + len(CLIENTS) * lengths.full_speed
    return lengths.rounds * systems * each


def run(bench: Bench) -> Outcome:
    """The systems take turns within each round, so that they meet the same machine."""
    systems = [bench.service, *bench.peers]
    rounds: Rounds = {system.name: {clients: [] for clients in CLIENTS} for system in systems}
    for number_of_round in range(bench.lengths.rounds):
        for system in systems:
            what = f"throughput, round {number_of_round + 1}: {system.about}"
            for clients, figures in _one_turn(bench, system, what).items():
                rounds[system.name][clients].append(figures)
    middle = {
        name: {clients: middle_round(of) for clients, of in by_clients.items()}
        for name, by_clients in rounds.items()
    }
    absent = [] if PEERS_PYTHON.exists() else list(OPTIONAL)
    figures = {name: {str(c): f for c, f in of.items()} for name, of in middle.items()}
    ratios = {str(clients): ratios_to_peers(rounds, clients) for clients in CLIENTS}
    targets = [target for clients in CLIENTS for target in _targets(rounds, clients)]
    tables = [_speed_table(systems, middle, absent), _cpu_table(systems, middle)]
    return Outcome(figures | {"ratios": ratios, "absent": absent}, targets, tables)


def _one_turn(bench: Bench, system: System, what: str) -> dict[int, dict[str, Any]]:
    bench.progress.step(f"{what}, starting")
    running = bench.stand.use(system)
    calls = bench.work.calls(system.url, system.dialect)
    warm_up = bench.lengths.warm_up
    at_full_speed(running, calls, bench.progress, clients=CLIENTS[0], seconds=warm_up)
    turn = {}
    for clients in CLIENTS:
        bench.progress.step(f"{what}, {clients} connections")
        turn[clients] = at_full_speed(
            running, calls, bench.progress, clients=clients, seconds=bench.lengths.full_speed
        )
    return turn


def ratios_to_peers(rounds: Rounds, clients: int) -> dict[str, dict[str, Any]]:
    """To each peer: median, lowest and highest of the rounds' ratios."""
    ours = rounds["regno"][clients]
    return {
        name: {
            of.__name__: ratio_of_rounds(ours, theirs[clients], of)._asdict()
            for of in (throughput, cpu)
        }
        for name, theirs in rounds.items()
        if name != "regno"
    }


def _targets(rounds: Rounds, clients: int) -> list[Target]:
    ours, ratios = rounds["regno"][clients], ratios_to_peers(rounds, clients)
    naive, flask = (
        {of: ratio["median"] for of, ratio in ratios[name].items()} for name in ("naive", "flask")
    )
    cpu_ms = spread([cpu(figures) for figures in ours]).median
    at = f"at {clients} connections"
    return [
        Target(f"throughput {at}, times that of naive", naive["throughput"], ">=", _TIMES_NAIVE),
        Target(f"throughput {at}, times that of Flask", flask["throughput"], ">=", _SHARE_OF_FLASK),
        Target(f"CPU per request {at}, all parts", cpu_ms, "<=", _CPU_MS, "ms"),
        Target(f"CPU per request {at}, times that of Flask", flask["cpu"], "<=", _CPU_TIMES_FLASK),
        Target(f"errors {at}, all rounds", sum(r["errors"] for r in ours), "==", 0),
    ]


Middle = Mapping[str, Mapping[int, dict[str, Any]]]


def _speed_table(systems: list[System], middle: Middle, absent: list[str]) -> Table:
    rows: list[list[Cell]] = []
    for system in systems:
        for clients, figures in middle[system.name].items():
            rate = Spread(**figures["rounds"]["throughput"])
            latency = figures["latency_ms"]
            rows.append(
                [
                    system.about,
                    clients,
                    f"{number(rate.median)} ({number(rate.lowest)} to {number(rate.highest)})",
                    *(latency[name] for name in ("p50", "p99", "p99.9")),
                    figures["errors"],
                    figures["cpu_ms_per_request_sum"],
                ]
            )
    rows += [[name, *["absent"] + ["-"] * 6] for name in absent]
    columns = ("system", "connections", "requests/s (rounds)", "p50 ms", "p99 ms", "p99.9 ms")
    return Table(
        "Throughput: single rows, synchronous, closed loop",
        "The round of median throughput; CPU is of every process of the system, servers included. "
        "An error is any answer that is not the right one, to the last digit.",
        (*columns, "errors", "CPU ms/request"),
        rows,
    )


def _cpu_table(systems: list[System], middle: Middle) -> Table:
    parts = list(middle["regno"][CLIENTS[-1]]["cpu_ms_per_request"])
    rows: list[list[Cell]] = []
    for system in systems:
        figures = middle[system.name][CLIENTS[-1]]
        by_part = figures["cpu_ms_per_request"]
        cells: list[Cell] = [by_part.get(part, "-") for part in parts]
        rows.append([system.about, *cells, figures["cpu_ms_per_request_sum"]])
    title = f"CPU by part, ms a request, {CLIENTS[-1]} connections"
    return Table(title, "", ("system", *parts, "sum"), rows)


THROUGHPUT = Scenario("throughput", planned, run)
