"""What was tried and how it went, as tables."""

from collections.abc import Mapping
from typing import NamedTuple

from ops.bench.table import Table


class Entry(NamedTuple):
    """A step and what was seen. Fields of steps without requests stay empty."""

    step: str
    passed: bool
    seconds: float
    """How long the step took; of a restart, until everything was well again."""
    seen: str
    statuses: Mapping[int, int] = {}
    silence: float | None = None
    """Seconds without a right answer."""
    tasks: str = ""


class Ledger:
    """The entries so far."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Writes one down."""
        self._entries.append(entry)

    @property
    def passed(self) -> bool:
        """Whether every step did."""
        return all(entry.passed for entry in self._entries)

    def table(self) -> Table:
        """One line a step."""
        columns = (
            "step", "seconds", "requests by status", "longest silence, s",
            "tasks done of accepted", "seen", "",
        )  # fmt: skip
        return Table("Ledger", "", columns, [_line(entry) for entry in self._entries])


def _line(entry: Entry) -> list[str]:
    return [
        entry.step,
        f"{entry.seconds:.1f}",
        ", ".join(f"{status or 'lost'}: {n}" for status, n in entry.statuses.items()),
        "" if entry.silence is None else f"{entry.silence:.1f}",
        entry.tasks,
        entry.seen,
        "passed" if entry.passed else "**failed**",
    ]


def sizes_table(sizes: Mapping[str, int]) -> Table:
    """Image sizes, in bytes, as megabytes."""
    rows = [[name, str(round(size / 1e6))] for name, size in sizes.items()]
    return Table("Images", "With their base, as `docker images` counts.", ("image", "MB"), rows)
