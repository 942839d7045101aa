"""What a run leaves behind: results.json, table.md and the plots."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.bench.plots import plot_cpu, plot_latency
from ops.bench.scenario import Outcome
from ops.bench.systems import System
from ops.bench.table import targets_table


def markdown(outcomes: Mapping[str, Outcome], facts: Mapping[str, Any]) -> str:
    """The targets first, then the tables of each scenario."""
    targets = [target for outcome in outcomes.values() for target in outcome.targets]
    machine = (
        f"{facts['date']}, commit {facts['commit']}: `{facts['command']}`. {facts['cpu']}, "
        f"{facts['cores']} cores, Linux {facts['kernel']}, Python {facts['python']}; load average "
        f"at the start {facts['load_average'][0]}. Everything runs on this machine, the load "
        "generator too."
    )
    tables = [table for outcome in outcomes.values() for table in outcome.tables]
    if targets:
        tables.insert(0, targets_table(targets))
    return "\n".join([machine, "", *(table.markdown() for table in tables)])


def write_report(
    folder: Path,
    outcomes: Mapping[str, Outcome],
    facts: Mapping[str, Any],
    systems: Sequence[System],
) -> str:
    """Writes the files; the text of table.md. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = [t.as_json() for outcome in outcomes.values() for t in outcome.targets]
    scenarios = {name: outcome.figures for name, outcome in outcomes.items()}
    results = {"machine": facts, "targets": targets, "scenarios": scenarios}
    text = json.dumps(results, indent=1, ensure_ascii=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    tables = markdown(outcomes, facts)
    (folder / "table.md").write_text(tables, encoding="utf-8")
    abouts = {system.name: system.about.replace("`", "") for system in systems}
    if "curve" in scenarios:
        plot_latency(scenarios["curve"], abouts, folder / "latency.png")
    if "throughput" in scenarios:
        plot_cpu(scenarios["throughput"], abouts, folder / "cpu.png")
    return tables
