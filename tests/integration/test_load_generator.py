"""The load generator against the running service."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local.programs import ROOT
from tests.stack import API_KEY, Stack


def load(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.load", "--url", stack.url, "--key", API_KEY, *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "options", [("--mode", "sync"), ("--mode", "async"), ("--rows", "20")], ids=" ".join
)
def test_a_constant_rate_is_sent_and_every_answer_counted(
    stack: Stack, options: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    done = load(stack, "--rate", "40", "--seconds", "2", "--json", str(out), *options)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["requests"] == 80
    assert figures["errors"] == 0
    assert figures["latency_ms"]["p50"] > 0


def test_a_threshold_that_does_not_hold_is_the_exit_status(stack: Stack) -> None:
    assert load(stack, "--rate", "20", "--seconds", "1", "--max-p99-ms", "0.001").returncode == 1


def test_a_wrong_key_is_nothing_but_errors(stack: Stack) -> None:
    done = load(stack, "--rate", "20", "--seconds", "1", "--key", "wrong")
    assert done.returncode == 1
    assert json.loads(done.stdout)["statuses"] == {"401": 20}
