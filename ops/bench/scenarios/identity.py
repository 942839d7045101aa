"""After everything else: are the answers still the very numbers they should be?"""

import csv
import json
import urllib.request
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

from ops.bench.dialects import PLAIN
from ops.bench.lengths import Lengths
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Table
from ops.bench.targets import Target
from ops.bench.work import KEY, Work
from shared.results import Prediction

_EXPECTED = "expected.csv"
"""Answers of somebody else's program, beside the rows that were given."""


class Identity(NamedTuple):
    """How far a service's answers are from those expected."""

    difference: float
    """The largest one, of any probability of any row."""
    against: str
    """Whose answers were expected."""


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return lengths.seconds_to_start


def run(bench: Bench) -> Outcome:
    """Every row by itself, then all as one array."""
    bench.progress.step("identity")
    bench.stand.use(bench.service)
    rows = len(bench.work.rows)
    found = check_identity(bench.service.url, bench.work, bench.csv)
    about = f"largest difference over {rows} rows"
    table = Table(
        "Identity: the same answers after all of it",
        f"Each row by itself and all in one array, against {found.against}.",
        ("rows", "largest difference"),
        [[str(rows), repr(found.difference)]],
    )
    figures = {"rows": rows, "largest_difference": found.difference, "against": found.against}
    return Outcome(figures, [Target(about, found.difference, "==", 0.0)], [table])


def check_identity(url: str, work: Work, rows_from: Path | None) -> Identity:
    """Asks the service at ``url`` for every row by itself, then for all as one array.

    ``rows_from`` is the CSV that the rows come from, if they do: the answers beside it are
    expected then. Raises OSError where the service does not answer with 200, and ValueError
    where a row has no answer.
    """
    expected, against = _expected(work, rows_from)
    one_by_one = [p for row in work.rows for p in _ask(url, [row])]
    together = _ask(url, work.rows)
    return Identity(
        max(largest_difference(got, expected) for got in (one_by_one, together)), against
    )


def largest_difference(got: Sequence[Prediction], expected: Sequence[Prediction]) -> float:
    """Of any probability of any row. Raises ValueError where a row has no answer."""
    pairs = zip(got, expected, strict=True)
    return max(
        abs(a - b)
        for p, q in pairs
        for a, b in ((p.negative, q.negative), (p.positive, q.positive))
    )


def _expected(work: Work, rows_from: Path | None) -> tuple[Sequence[Prediction], str]:
    beside = rows_from.with_name(_EXPECTED) if rows_from else None
    if beside is None or not beside.exists():
        return work.predictions, "the model called in this process"
    return _read_expected(beside), f"the {_EXPECTED} beside the rows"


def _read_expected(path: Path) -> list[Prediction]:
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
        if header != ["negative", "positive"]:
            raise ValueError(f"{path}: expected the columns negative and positive, got {header}")
        return list(starmap(Prediction, (map(float, row) for row in rows)))


def _ask(url: str, rows: list[dict[str, Any]]) -> list[Prediction]:
    headers = {"x-api-key": KEY, "Content-Type": "application/json"}
    request = urllib.request.Request(url + PLAIN.path, PLAIN.body(rows), headers)  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return [Prediction(**p) for p in json.load(answer)["predictions"]]


IDENTITY = Scenario("identity", planned, run)
