"""A constant 500 requests a second: does every one get its answer, and how soon?"""

from ops.bench.lengths import Lengths
from ops.bench.measure import at_rate
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Table
from ops.bench.targets import Target

RATE = 500.0
_LIMITS_MS = {"p50": 8.0, "p99": 40.0, "p99.9": 120.0}


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return lengths.seconds_to_start + lengths.warm_up + lengths.constant


def run(bench: Bench) -> Outcome:
    """One long run, after a short one that nobody counts."""
    bench.progress.step("constant rate, starting")
    running = bench.stand.use(bench.service)
    calls = bench.work.calls(running.system.url, running.system.dialect)
    at_rate(running, calls, bench.progress, rate=RATE, seconds=bench.lengths.warm_up)
    seconds = bench.lengths.constant
    bench.progress.step(f"constant rate, {RATE:g} a second for {seconds:g} s")
    figures = at_rate(running, calls, bench.progress, rate=RATE, seconds=seconds)
    latency = figures["latency_ms"]
    targets = [Target(f"errors at {RATE:g}/s for {seconds:g} s", figures["errors"], "==", 0)]
    targets += [
        Target(f"{name} at {RATE:g}/s for {seconds:g} s", latency[name], "<", limit, "ms")
        for name, limit in _LIMITS_MS.items()
    ]
    table = Table(
        f"Constant rate: {RATE:g} requests a second for {seconds:g} s",
        "Open loop: latency counts from the moment a request was due.",
        ("requests", "errors", *latency, "CPU ms/request", "load generator, cores"),
        [
            [
                str(figures["requests"]),
                figures["errors"],
                *latency.values(),
                figures["cpu_ms_per_request_sum"],
                figures["load_generator_cpu_share"],
            ]
        ],
    )
    return Outcome(figures, targets, [table])


CONSTANT = Scenario("constant", planned, run)
