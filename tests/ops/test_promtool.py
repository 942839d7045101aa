"""Prometheus' own tool reads what is shipped, and the alerts do what they say."""

import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ops.local import system
from ops.watch.rules import FOLDER
from shared.metrics import ApiMetrics, QueueMetrics, WorkerMetrics


def promtool(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    found = system.find_prometheus()
    assert found, "the tests need Prometheus: python -m ops.local.test_tools"
    return subprocess.run(
        [found[1], *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        input=stdin,
    )


def test_the_configuration_and_its_rules_are_accepted() -> None:
    done = promtool("check", "config", str(FOLDER / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted((FOLDER / "tests").glob("*.yml")), ids=lambda path: path.stem
)
def test_rules_give_what_their_unit_tests_expect(path: Path) -> None:
    done = promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("metrics", [ApiMetrics, WorkerMetrics, QueueMetrics])
def test_metrics_are_named_as_prometheus_wants_them(
    metrics: type[ApiMetrics | WorkerMetrics | QueueMetrics],
) -> None:
    registry = CollectorRegistry()
    metrics(registry)
    done = promtool("check", "metrics", stdin=generate_latest(registry).decode())
    assert done.returncode == 0, done.stdout + done.stderr
