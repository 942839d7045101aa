"""A lone request: how soon is it answered where nothing else is asked?"""

from ops.bench.figures import latency_p99, middle_round, spread
from ops.bench.lengths import Lengths
from ops.bench.measure import at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Table
from ops.bench.targets import Target

RATE = 20.0
"""Requests a second: each is answered long before the next one comes."""

_P99_MS = 8.0


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return lengths.seconds_to_start + lengths.warm_up + lengths.rounds * lengths.full_speed


def run(bench: Bench) -> Outcome:
    """One request at a time, in rounds."""
    bench.progress.step("a lone request, starting")
    running = bench.stand.use(bench.service)
    calls = bench.work.calls(running.system.url, running.system.dialect)
    at_rate(running, calls, bench.progress, rate=RATE, seconds=bench.lengths.warm_up)
    rounds = []
    for number_of_round in range(bench.lengths.rounds):
        bench.progress.step(f"a lone request, round {number_of_round + 1}")
        seconds = bench.lengths.full_speed
        rounds.append(at_rate(running, calls, bench.progress, rate=RATE, seconds=seconds))
    middle = middle_round(rounds, by=latency_p99)
    p99 = spread([latency_p99(figures) for figures in rounds])
    targets = [
        Target(f"p99 at {RATE:g}/s, one at a time", p99.median, "<", _P99_MS, "ms"),
        Target(f"errors at {RATE:g}/s", middle["errors"], "==", 0),
    ]
    latency = middle["latency_ms"]
    table = Table(
        f"A lone request: {RATE:g} a second",
        "Open loop; the round of median p99.",
        ("requests", "errors", *latency, "p99 lowest", "p99 highest"),
        [[str(middle["requests"]), middle["errors"], *latency.values(), p99.lowest, p99.highest]],
    )
    return Outcome(middle, targets, [table])


IDLE = Scenario("idle", planned, run)
