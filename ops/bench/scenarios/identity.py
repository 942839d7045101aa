"""After everything else: are the answers still the very numbers they should be?"""

import csv
import json
import urllib.request
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

from ops.bench.dialects import PLAIN
from ops.bench.lengths import Lengths
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Table
from ops.bench.targets import Target
from ops.bench.work import KEY
from shared.results import Prediction

_EXPECTED = "expected.csv"
"""Answers of somebody else's program, beside the rows that were given."""


def planned(lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return lengths.seconds_to_start


def run(bench: Bench) -> Outcome:
    """Every row by itself, then all as one array."""
    bench.progress.step("identity")
    bench.stand.use(bench.service)
    rows = bench.work.rows
    expected, source = _expected(bench)
    one_by_one = [p for row in rows for p in _ask(bench.service.url, [row])]
    together = _ask(bench.service.url, rows)
    difference = max(largest_difference(got, expected) for got in (one_by_one, together))
    about = f"largest difference over {len(rows)} rows"
    table = Table(
        "Identity: the same answers after all of it",
        f"Each row by itself and all in one array, against {source}.",
        ("rows", "largest difference"),
        [[str(len(rows)), repr(difference)]],
    )
    figures = {"rows": len(rows), "largest_difference": difference, "against": source}
    return Outcome(figures, [Target(about, difference, "==", 0.0)], [table])


def largest_difference(got: Sequence[Prediction], expected: Sequence[Prediction]) -> float:
    """Of any probability of any row. Raises ValueError where a row has no answer."""
    pairs = zip(got, expected, strict=True)
    return max(
        abs(a - b)
        for p, q in pairs
        for a, b in ((p.negative, q.negative), (p.positive, q.positive))
    )


def _expected(bench: Bench) -> tuple[Sequence[Prediction], str]:
    beside = bench.csv.with_name(_EXPECTED) if bench.csv else None
    if beside is None or not beside.exists():
        return bench.work.predictions, "the model called in this process"
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
