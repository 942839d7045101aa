"""Every Dockerfile: clean to hadolint, small, unprivileged, and watched."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted([*ROOT.glob("Dockerfile*"), *ROOT.glob("ops/**/Dockerfile*")])
HADOLINT = Path(sys.executable).with_name("hadolint")

every_dockerfile = pytest.mark.parametrize(
    "dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT))
)


def final_stage(dockerfile: Path) -> str:
    text = dockerfile.read_text(encoding="utf-8")
    return text[text.rindex("\nFROM ") :]


def instructions(text: str, name: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", joined, re.MULTILINE)


def test_each_role_has_an_image() -> None:
    names = {str(path.relative_to(ROOT)) for path in DOCKERFILES}
    assert names >= {
        "Dockerfile.api",
        "Dockerfile.worker",
        "ops/flower/Dockerfile",
        "ops/load/Dockerfile",
        "ops/queues/Dockerfile",
    }


@every_dockerfile
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    found = subprocess.run(
        [HADOLINT, dockerfile], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.returncode, found.stdout) == (0, "")


@every_dockerfile
def test_its_base_is_pinned_to_a_patch_version(dockerfile: Path) -> None:
    for base in instructions(dockerfile.read_text(encoding="utf-8"), "FROM"):
        assert re.match(r"python:3\.11\.\d+-slim-bookworm( AS packages)?$", base), base


@every_dockerfile
def test_it_runs_as_a_user_that_orchestrators_can_tell_is_not_root(dockerfile: Path) -> None:
    assert instructions(final_stage(dockerfile), "USER") == ["10001:10001"]


@every_dockerfile
def test_it_says_whether_it_is_well(dockerfile: Path) -> None:
    (check,) = instructions(final_stage(dockerfile), "HEALTHCHECK")
    assert (check == "NONE") == (dockerfile.parent.name == "load")


@every_dockerfile
def test_what_installs_packages_is_not_in_it(dockerfile: Path) -> None:
    final = final_stage(dockerfile)
    runs = instructions(final, "RUN")
    assert all("install" not in run.replace("uninstall", "") for run in runs)
    assert any(run.startswith("pip uninstall --yes pip ") for run in runs)


@every_dockerfile
def test_packages_come_before_the_code_that_changes_more_often(dockerfile: Path) -> None:
    copies = instructions(final_stage(dockerfile), "COPY")
    assert copies[0] == "--from=packages /venv /venv"


@every_dockerfile
def test_the_classic_builder_can_build_it(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    assert not re.search(r"--mount|--chmod|--link|^# *syntax|<<", text, re.MULTILINE)


def test_the_front_door_has_neither_catboost_nor_pandas() -> None:
    locked = (ROOT / "requirements/api.txt").read_text(encoding="utf-8")
    assert not re.search(r"^(catboost|pandas|numpy)==", locked, re.MULTILINE)


def test_the_worker_predicts_without_the_packages_that_its_image_leaves_out() -> None:
    text = (ROOT / "Dockerfile.worker").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(r"/venv/bin/python uninstall --yes +(.+)", text)
    assert found
    names = [{"pillow": "PIL", "fonttools": "fontTools"}.get(n, n) for n in found[1].split()]
    assert {"matplotlib", "plotly"} <= set(names)
    program = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))  # importing one of them is an error now
from pathlib import Path
import worker.app
from worker.model import load_model
model = load_model(Path("models/shipped/regno.cbm"))
from shared.rows import Row
row = Row("А016ВК797", "А016ВК777", 1.0, 0.5, [0.9], [0.9], "a", "b", "2021-08-01T09:02:59", 0)
print(repr(model.predict([row])))
"""

    def run_without(*left_out: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *left_out],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run_without(*names) == run_without()
