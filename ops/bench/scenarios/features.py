"""What a row's features cost, in the benchmark's own process: row by row, and by column."""

import time
from collections.abc import Callable
from statistics import median

from ops.bench.lengths import Lengths
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.table import Table
from ops.bench.targets import Target
from ops.bench.work import readings
from shared.features import feature_row, feature_rows

_BY_ROW_US = 15.0
_REPEATS = 200


def planned(_lengths: Lengths, _systems: int) -> float:
    """Seconds, roughly."""
    return 2.0


def run(bench: Bench) -> Outcome:
    """All rows of the run, both ways in turn."""
    bench.progress.step("features")
    rows = readings(bench.work.rows)
    by_row, by_column = [], []
    for _ in range(_REPEATS):
        by_row.append(_seconds(lambda: [feature_row(row) for row in rows]))
        by_column.append(_seconds(lambda: feature_rows(rows)))
    row_us = round(1e6 * median(by_row) / len(rows), 2)
    column_us = round(1e6 * median(by_column) / len(rows), 2)
    targets = [
        Target("features of a row", row_us, "<", _BY_ROW_US, "us"),
        Target("features by column, times those by row", round(column_us / row_us, 3), "<", 1.0),
    ]
    table = Table(
        "Features: us a row",
        f"Medians of {_REPEATS} times {len(rows)} rows.",
        ("row by row", "by column"),
        [[row_us, column_us]],
    )
    return Outcome({"row_us": row_us, "column_us": column_us}, targets, [table])


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


FEATURES = Scenario("features", planned, run)
