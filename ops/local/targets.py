"""Where Prometheus finds the metrics of a local stack: files for its ``file_sd_configs``.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.local.programs import LOOPBACK

Ports = Mapping[str, Sequence[int]]
"""The ports on which each of Prometheus's jobs is found."""


def addresses(ports: Ports) -> list[str]:
    """What a browser or curl is given, one line each."""
    return [
        f"http://{LOOPBACK}:{port}/metrics ({job})"
        for job, taken in ports.items()
        for port in taken
    ]


def write_targets(folder: Path, ports: Ports) -> None:
    """Writes one file a job, and removes those of jobs that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.json")) - {folder / f"{job}.json" for job in ports}:
        stale.unlink()
    for job, taken in ports.items():
        targets = [f"{LOOPBACK}:{port}" for port in taken]
        text = json.dumps([{"targets": targets, "labels": {"job": job}}], indent=2)
        whole = folder / f"{job}.new"  # Prometheus may look at any moment
        whole.write_text(f"{text}\n", encoding="utf-8")
        whole.replace(folder / f"{job}.json")
