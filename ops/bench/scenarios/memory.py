"""Memory of each front door and worker process, and whether it grows under steady load."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from ops.bench.cpu import resident_megabytes
from ops.bench.lengths import Lengths
from ops.bench.measure import follow
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.stand import Running
from ops.bench.systems import FRONT, WORKER
from ops.bench.table import Cell, Table
from ops.bench.targets import Target
from ops.load.record import Record
from ops.load.schedule import Phase, Schedule

RATE = 400.0
_GROWTH_PERCENT = 3.0


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return lengths.seconds_to_start + lengths.memory


def run(bench: Bench) -> Outcome:
    """One long run, with a look at the processes before it, every second, and after it."""
    bench.progress.step("memory, starting")
    running = bench.stand.use(bench.service)
    samples: dict[str, list[float]] = {}
    record = Record()
    show = bench.progress.watch(record)

    def take_samples() -> None:
        for name, megabytes in _resident(running).items():
            samples.setdefault(name, []).append(megabytes)

    def look(elapsed: float) -> None:
        show(elapsed)
        take_samples()

    calls = bench.work.calls(running.system.url, running.system.dialect)
    bench.progress.step(f"memory, {RATE:g} a second for {bench.lengths.memory:g} s")
    schedule = Schedule(Phase(RATE, bench.lengths.memory))
    take_samples()
    follow(running, calls, schedule, record.add, look)
    take_samples()
    growth = {name: growth_percent(of) for name, of in samples.items()}
    rows: list[list[Cell]] = [
        [name, of[0], median(of), of[-1], growth[name]] for name, of in samples.items()
    ]
    about = f"growth of memory over {bench.lengths.memory:g} s at {RATE:g}/s"
    targets = [
        Target(f"{about}: {name}", growth[name], "<", _GROWTH_PERCENT, "%") for name in samples
    ]
    targets.append(Target(f"errors at {RATE:g}/s", record.errors, "==", 0))
    table = Table(
        f"Resident memory, MB, at {RATE:g} requests a second for {bench.lengths.memory:g} s",
        "Growth: the median of the last fifth against that of the second fifth. The first process "
        "of the front door only watches over the others.",
        ("process", "at first", "median", "at last", "growth %"),
        rows,
    )
    figures: dict[str, Any] = {"resident_mb": samples, "growth_percent": growth}
    return Outcome(figures | {"errors": record.errors}, targets, [table])


def _resident(running: Running) -> Mapping[str, float]:
    """Process to its resident memory in MB; of the front door and the workers alone."""
    found = resident_megabytes({part: running.parts[part] for part in (FRONT, WORKER)})
    return {
        f"{part} {number}": megabytes
        for part, of in found.items()
        for number, megabytes in enumerate(of)
    }


def growth_percent(samples: list[float]) -> float:
    """The last fifth against the second: the first is still warming up."""
    fifth = max(1, len(samples) // 5)
    early, late = median(samples[fifth : 2 * fifth]), median(samples[-fifth:])
    return round(100 * (late / early - 1), 2)


MEMORY = Scenario("memory", planned, run)
