"""What ``make run`` prints when the service is ready."""

import json
from collections.abc import Sequence
from pathlib import Path

from ops.local.programs import LOOPBACK
from ops.local.secrets_file import LocalSecrets

EXAMPLE = {
    "regno_recognize": "А016ВК797",
    "afts_regno_ai": "А016ВК777",
    "recognition_accuracy": 15.4,
    "afts_regno_ai_score": 0.64,
    "afts_regno_ai_char_scores": "[0.99, 0.98, 0.97, 0.99, 0.95, 0.96, 0.99, 0.64, 0.99]",
    "afts_regno_ai_length_scores": "[3e-10, 2e-8, 0.99]",
    "camera_type": "Стационарная",
    "camera_class": "Астра-Трафик",
    "time_check": "2021-08-01T09:02:59",
    "direction": 0,
}


def curl_line(port: int, api_key: str) -> str:
    """A request that works as pasted."""
    row = json.dumps(EXAMPLE, ensure_ascii=False)
    return (
        f"curl -s http://{LOOPBACK}:{port}/reg/ -H 'x-api-key: {api_key}' "
        f"-H 'Content-Type: application/json' -d '{row}'"
    )


def banner(
    *,
    port: int,
    api_key: str,
    flower_port: int,
    metrics: Sequence[str],
    secrets: LocalSecrets,
    remarks: Sequence[str],
    folder: Path,
) -> str:
    """Addresses, remarks and the curl line, each on lines of its own."""
    lines = [
        "",
        "ready",
        f"  service   http://{LOOPBACK}:{port}",
        f"  docs      http://{LOOPBACK}:{port}/docs",
        f"  health    http://{LOOPBACK}:{port}/readyz",
        f"  flower    http://{LOOPBACK}:{flower_port}  (regno / {secrets.flower_password})",
        *(f"  metrics   {address}" for address in metrics),
        f"  targets   {folder}/targets, for Prometheus",
        f"  logs      {folder}/log",
        *(f"  note      {remark}" for remark in remarks),
        "",
        curl_line(port, api_key),
        "",
        "Ctrl-C stops everything.",
        "",
    ]
    return "\n".join(lines)
