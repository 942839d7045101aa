"""More than it can do: what is answered, what is refused, and how soon all is well again.

Three phases without a pause: half of its best throughput, the overload, half of its best again.
"""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from ops.bench.lengths import Lengths
from ops.bench.measure import at_full_speed, follow
from ops.bench.results_count import count_successes, forget_results
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.stand import Running
from ops.bench.systems import WORKER
from ops.bench.table import Cell, Table
from ops.bench.targets import Target
from ops.bench.timeline import answered_between, due_between, good, seconds_to_normal
from ops.bench.work import Calls
from ops.load.record import Ended, Recent, Record, recent_of
from ops.load.schedule import Phase, Schedule
from ops.local.servers import REDIS

TIMES = (2, 5)
_CLIENTS = 64
_CONNECTIONS = 900
"""More than the service takes in hand at once, or nothing would be refused."""

_DEADLINE_SECONDS = 2.0
"""The service's own for a caller who names none: an answer after that is not in time."""

_NORMAL_SHARE = 0.5
_SHARE_OF_BEST = 0.9
_REFUSAL_MS = 25.0
_NORMAL_AGAIN_SECONDS = 2.0


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    each = lengths.full_speed + 2 * lengths.normal + lengths.overload + 1
    measured = lengths.rounds * len(TIMES) * each + lengths.full_speed
    return lengths.seconds_to_start + lengths.warm_up + measured


def run(bench: Bench) -> Outcome:
    """Each overload between two measurements of its best, on one stack; all that in rounds."""
    lengths = bench.lengths
    running = bench.stand.use(bench.service)
    calls = bench.work.calls(running.system.url, running.system.dialect)

    def best(seconds: float) -> float:
        bench.progress.step("overload, finding the best throughput")
        figures = at_full_speed(running, calls, bench.progress, clients=_CLIENTS, seconds=seconds)
        return float(figures["good_per_second"])

    best(lengths.warm_up)
    before = best(lengths.full_speed)
    rounds: dict[int, list[dict[str, Any]]] = {times: [] for times in TIMES}
    for _ in range(lengths.rounds):
        for times, of in rounds.items():
            figures = _overload(bench, running, calls, before, times)
            after = best(lengths.full_speed)
            of.append(figures | beside_its_best(figures, before, after))
            before = after
    targets = [
        target
        for times, of in rounds.items()
        for target in overload_targets(of, f"at {times} times its best")
    ]
    rows: list[list[Cell]] = [_row(times, one) for times, of in rounds.items() for one in of]
    table = Table(
        f"Overload: more than its best with {_CLIENTS} connections",
        "Its best: measured just before and just after each overload, the mean of both. Answered: "
        "right, and within 2 s of the moment it was due. Computed for nobody: results "
        "that workers stored and no caller got. Sent late: what the load generator, on the same "
        "cores, added to each latency. Normal again: seconds from the drop of the load "
        "until a whole second without any refusal and with the latency from before.",
        (
            "offered",
            "its best/s",
            "offered/s",
            "answered/s",
            "share of best",
            "p99 ms",
            "refused",
            "refused p99 ms",
            "other errors",
            "computed for nobody",
            "normal again s",
            "sent late p99 ms",
            "load generator, cores",
        ),
        rows,
    )
    return Outcome({f"times_{times}": of for times, of in rounds.items()}, targets, [table])


class Kept:
    """Every end of a run, to be counted afterwards: that costs the overloaded machine less."""

    def __init__(self) -> None:
        self.ends: list[Ended] = []
        self.add = self.ends.append
        self._looked_at = 0

    def take_recent(self) -> Recent:
        """See ``Watched``."""
        new, self._looked_at = self.ends[self._looked_at :], len(self.ends)
        return recent_of(ended.latency for ended in new if good(ended))


def beside_its_best(figures: dict[str, Any], before: float, after: float) -> dict[str, float]:
    """The share of its best that was answered in time.

    Its best is the mean of what it did just before and just after: neighbours in time met the
    same machine.
    """
    best = (before + after) / 2
    share = figures["answered_in_time_per_second"] / best
    return {"best_per_second": round(best, 1), "share_of_best": round(share, 3)}


def _overload(
    bench: Bench, running: Running, calls: Calls, best: float, times: int
) -> dict[str, Any]:
    lengths = bench.lengths
    bench.progress.step(f"overload, {times} times its best for {lengths.overload:g} s")
    redis_url = running.system.parts[WORKER][0].environment[REDIS]
    forget_results(redis_url)
    kept = Kept()
    normal = Phase(best * _NORMAL_SHARE, lengths.normal)
    schedule = Schedule(normal, Phase(best * times, lengths.overload), normal)
    watch = bench.progress.watch(kept)
    cpu = time.process_time()
    took = follow(running, calls, schedule, kept.add, watch, connections=_CONNECTIONS)
    cpu = time.process_time() - cpu
    computed, ends = count_successes(redis_url), kept.ends
    answered = sum(map(good, ends))
    rises, drops = lengths.normal, lengths.normal + lengths.overload
    figures = overload_figures(ends, rises, drops)
    before = Record()
    for ended in due_between(ends, 0.0, rises):
        before.add(ended)
    normal_latency = before.good_latency.milliseconds(99) / 1000
    return figures | {
        "offered_per_second": round(best * times, 1),
        # A service that stores no result leaves nothing to count.
        "computed_for_nobody": computed - answered if computed >= answered else None,
        "seconds_to_normal": seconds_to_normal(ends, drops, schedule.seconds, normal_latency),
        "seconds_watched": lengths.normal,
        "load_generator_cpu_share": round(cpu / took, 3),
    }


def overload_figures(ends: Sequence[Ended], rises: float, drops: float) -> dict[str, Any]:
    """Figures of the overload itself, which lasts from ``rises`` to ``drops`` seconds.

    What was answered is counted when it was answered, so that the queue which the overload
    leaves behind adds nothing to it.
    """
    record = Record()
    for ended in due_between(ends, rises, drops):
        record.add(ended)
    in_time = [
        ended
        for ended in answered_between(ends, rises, drops)
        if good(ended) and ended.latency <= _DEADLINE_SECONDS
    ]
    figures = record.summary(drops - rises)
    return figures | {
        "answered_in_time_per_second": round(len(in_time) / (drops - rises), 1),
        "other_errors": record.errors - figures["refused"]["count"],
    }


def overload_targets(rounds: Sequence[dict[str, Any]], at: str) -> list[Target]:
    """Medians of the rounds; but what went wrong in any of them is added up."""
    refused = [figures["refused"] for figures in rounds]
    unsaid = sum(of["count"] - of["with_retry_after"] for of in refused)
    share = median(figures["share_of_best"] for figures in rounds)
    p99 = median(of["latency_ms"]["p99"] for of in refused)
    others = sum(figures["other_errors"] for figures in rounds)
    # One that took longer than was watched has None.
    back = median(
        figures["seconds_watched"]
        if figures["seconds_to_normal"] is None
        else figures["seconds_to_normal"]
        for figures in rounds
    )
    wasted = [figures["computed_for_nobody"] for figures in rounds]
    return [
        Target(f"answered in time {at}, share of its best", share, ">=", _SHARE_OF_BEST),
        Target(f"neither answered nor refused {at}", others, "==", 0),
        Target(f"refused without Retry-After {at}", unsaid, "==", 0),
        Target(f"p99 of refusals {at}", p99, "<", _REFUSAL_MS, "ms"),
        Target(f"computed for nobody {at}", None if None in wasted else sum(wasted), "==", 0),
        Target(f"normal again after {at}", back, "<=", _NORMAL_AGAIN_SECONDS, "s"),
    ]


def _row(times: int, figures: dict[str, Any]) -> list[Cell]:
    refused = figures["refused"]
    wasted, back = figures["computed_for_nobody"], figures["seconds_to_normal"]
    return [
        f"{times} times",
        figures["best_per_second"],
        figures["offered_per_second"],
        figures["answered_in_time_per_second"],
        figures["share_of_best"],
        figures["latency_ms"]["p99"],
        refused["count"],
        refused["latency_ms"]["p99"],
        figures["other_errors"],
        "?" if wasted is None else wasted,
        "never" if back is None else back,
        figures["sent_late_ms"]["p99"],
        figures["load_generator_cpu_share"],
    ]


OVERLOAD = Scenario("overload", planned, run)
