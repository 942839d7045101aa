"""Prometheus' own tool reads what is shipped, and the alerts do what they say."""

import subprocess
from pathlib import Path

import pytest

from ops.local import system
from ops.watch.rules import FOLDER


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = system.find_prometheus()
    assert found, "the tests need Prometheus: python -m ops.local.test_tools"
    return subprocess.run(
        [found[1], *arguments], capture_output=True, text=True, timeout=60, check=False
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
