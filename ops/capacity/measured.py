"""The figures that the plan is made from, out of a run of the benchmark that is kept."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.capacity.arithmetic import Load

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "docs/benchmarks/2026-11-27.json"

PARTS = ("front door", "worker", "rabbitmq", "redis")

Measured = Mapping[str, list[Load]]
"""Part to its loads by rising rate. The run had one process of each."""


def read(path: Path = SOURCE) -> Measured:
    """Loads at the constant rate and at full speed (64 connections) of single rows.

    Raises OSError, and KeyError where the run did not measure both.
    """
    scenarios = json.loads(path.read_text(encoding="utf-8"))["scenarios"]
    runs = [scenarios["constant"], scenarios["throughput"]["regno"]["64"]]
    return {
        part: sorted(_load(run, part) for run in runs)
        for part in PARTS
    }  # fmt: skip


def _load(run: Mapping[str, Any], part: str) -> Load:
    rate = float(run["good_per_second"])
    return Load(rate, rate * run["cpu_ms_per_request"][part] / 1000)
