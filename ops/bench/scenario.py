"""What a scenario is given and what it gives back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ops.bench.lengths import Lengths
from ops.bench.progress import Progress
from ops.bench.stand import Stand
from ops.bench.systems import System
from ops.bench.table import Table
from ops.bench.targets import Target
from ops.bench.watched import ThreeWays
from ops.bench.work import Work


class Bench(NamedTuple):
    """Everything a scenario needs."""

    stand: Stand
    progress: Progress
    lengths: Lengths
    work: Work
    csv: Path | None
    """Where the rows come from; None where they were synthesised."""
    service: System
    cached: System
    """The service's worker behind a front door with a cache."""
    peers: list[System]
    waiting: Mapping[int, System]
    """Number of workers to the service with so many workers that only wait."""
    variants: Mapping[str, System]
    """The service, run in other ways."""
    watched: ThreeWays | None
    """The service with what watches it and without; only where a scenario needs it."""


class Outcome(NamedTuple):
    """What a scenario found."""

    figures: dict[str, Any]
    targets: list[Target]
    tables: list[Table]


class Scenario(NamedTuple):
    """A question to the service, and how it is answered."""

    name: str
    planned: Callable[[Lengths, int], float]
    """Seconds it will take, roughly, with so many systems to compare."""
    run: Callable[[Bench], Outcome]
    """Raises WaitedInVain where a system does not start."""
    by_default: bool = True
    """Whether it runs where none is named."""
    watches: bool = False
    """Whether it needs the service watched: RabbitMQ then has its management plugin, in all of the
    run, so it runs by itself."""
