"""The GitHub Actions workflow: pinned, with few rights, running the commands that people run."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github/workflows/ci.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["jobs"]

every_job = pytest.mark.parametrize("name", JOBS)


def test_the_published_schema_accepts_it() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    found = subprocess.run(
        [check, "--builtin-schema", "vendor.github-workflows", WORKFLOW],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is() -> None:
    actions = re.findall(r"uses: (\S+)(.*)", TEXT)
    assert actions
    for action, remark in actions:
        assert re.search(r"@[0-9a-f]{40}$", action), action
        assert re.match(r"  # v\d+\.\d+\.\d+$", remark), action


@every_job
def test_only_publishing_may_write(name: str) -> None:
    assert yaml.safe_load(TEXT)["permissions"] == {"contents": "read"}
    rights = JOBS[name].get("permissions", {})
    assert ("write" in rights.values()) == (name == "publish")


def test_publishing_happens_on_a_tag_and_after_everything_else() -> None:
    assert JOBS["publish"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert set(JOBS["publish"]["needs"]) == JOBS.keys() - {"publish"}


@every_job
def test_it_ends_in_time(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 60


def test_it_runs_the_make_targets_that_people_run() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)", TEXT))
    assert targets >= {"lint", "test", "images", "push-images", "compose-check"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_image_is_built_and_scanned() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^IMAGES := (.+)$", makefile, re.MULTILINE)
    assert found
    assert JOBS["images"]["strategy"]["matrix"]["image"] == found[1].split()
    assert any("trivy-action" in step.get("uses", "") for step in JOBS["images"]["steps"])
