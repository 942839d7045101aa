"""Prometheus' configuration for a stack on this machine: the shipped one, other targets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ops.watch.rules import FOLDER

Targets = Mapping[str, Sequence[str]]
"""A job of ``ops/prometheus/prometheus.yml`` to the ``host:port`` of each of its targets."""


def localised(targets: Targets) -> str:
    """The shipped configuration with these targets; a job without any is left out.

    Raises ValueError for a job that the shipped one does not have.
    """
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    scraped = {job["job_name"]: job for job in configuration["scrape_configs"]}
    if unknown := set(targets) - set(scraped):
        raise ValueError(f"jobs that are not in prometheus.yml: {', '.join(sorted(unknown))}")
    configuration["rule_files"] = [str(FOLDER / name) for name in configuration["rule_files"]]
    configuration["scrape_configs"] = [
        _with_targets(scraped[name], addresses) for name, addresses in targets.items() if addresses
    ]
    return yaml.safe_dump(configuration)


def write_configuration(path: Path, targets: Targets) -> None:
    """Writes ``localised`` to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(localised(targets), encoding="utf-8")


def _with_targets(job: Mapping[str, object], addresses: Sequence[str]) -> dict[str, object]:
    kept = {name: value for name, value in job.items() if not name.endswith("_sd_configs")}
    return kept | {"static_configs": [{"targets": list(addresses)}]}
