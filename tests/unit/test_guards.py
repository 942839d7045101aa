"""Each guard that the fault suite takes out stands in the code as the suite knows it."""

import shutil
from pathlib import Path

import pytest

from ops.local.programs import ROOT
from tests.faults.guards import GUARDS, Guard, take_out
from tests.faults.without_guards import noticed


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_can_be_taken_out(guard: Guard, tmp_path: Path) -> None:
    for path in {change.path for change in guard.changes}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    take_out(guard, tmp_path)
    for path in {change.path for change in guard.changes}:
        changed = (tmp_path / path).read_text(encoding="utf-8")
        assert changed != (ROOT / path).read_text(encoding="utf-8")
        compile(changed, path, "exec")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_tests_of_a_guard_exist(guard: Guard) -> None:
    for test in guard.tests:
        path, _, name = test.partition("::")
        name, _, case = name.partition("[")
        assert name in (ROOT / path).read_text(encoding="utf-8")
        assert not case or any(
            case.rstrip("]") in file.read_text(encoding="utf-8")
            for file in (ROOT / "tests/faults/catalogue").glob("*.py")
        )


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [(1, ["a test"], True), (1, [], False), (0, [], False), (2, ["a test"], False)],
)
def test_only_a_test_that_ran_and_failed_has_noticed(
    status: int, failed: list[str], expected: bool
) -> None:
    assert noticed(status, failed) is expected
