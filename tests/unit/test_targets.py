"""Where Prometheus finds a local stack."""

import json
from pathlib import Path

from ops.local.targets import addresses, write_targets


def test_each_job_has_a_file_that_prometheus_reads(tmp_path: Path) -> None:
    folder = tmp_path / "targets"
    write_targets(folder, {"api": [5000], "worker": [41, 42], "queues": [43]})
    write_targets(folder, {"api": [5001], "worker": [41, 42]})
    assert sorted(path.name for path in folder.iterdir()) == ["api.json", "worker.json"]
    assert json.loads((folder / "api.json").read_text()) == [
        {"targets": ["127.0.0.1:5001"], "labels": {"job": "api"}}
    ]
    assert json.loads((folder / "worker.json").read_text()) == [
        {"targets": ["127.0.0.1:41", "127.0.0.1:42"], "labels": {"job": "worker"}}
    ]


def test_every_address_is_told_with_its_job() -> None:
    assert addresses({"api": [5000], "worker": [41]}) == [
        "http://127.0.0.1:5000/metrics (api)",
        "http://127.0.0.1:41/metrics (worker)",
    ]
