"""``python -m tests.faults.without_guards``: takes out each guard, in a copy of the project.

The tests that are named for it must fail there. They pass in the project itself: ``make test``.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ops.local.programs import ROOT
from tests.faults.guards import GUARDS, Guard, take_out

_SECONDS = 600
_TESTS_FAILED = 1
"""pytest's exit status: tests ran, and some failed. https://docs.pytest.org/en/stable/reference/exit-codes.html"""


def _copy(to: Path) -> None:
    """What git knows of the project, as it is in the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)


def _failures(test: str, root: Path) -> tuple[int, list[str]]:
    """pytest's exit status, and the tests that failed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        check=False,
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    return done.returncode, re.findall(r"^FAILED \S+?::(.+?)(?: - .*)?$", done.stdout, re.MULTILINE)


def noticed(status: int, failed: Sequence[str]) -> bool:
    """Whether a test missed its guard. One that could not even begin has status 1 too."""
    return status == _TESTS_FAILED and bool(failed)


def _try_without(guards: Sequence[Guard]) -> Iterator[bool]:
    for guard in guards:
        with tempfile.TemporaryDirectory(prefix="regno-guard-") as folder:
            _copy(Path(folder))
            take_out(guard, Path(folder))
            for test in guard.tests:
                status, failed = _failures(test, Path(folder))
                missed = noticed(status, failed)
                what = f"{len(failed)} failed: {'; '.join(failed)}" if missed else "NOT NOTICED"
                sys.stdout.write(f"{guard.name}: {test}: {what}\n")
                sys.stdout.flush()
                yield missed


def main() -> int:
    """0 where every guard is missed by its tests, else 1."""
    parser = argparse.ArgumentParser("python -m tests.faults.without_guards")
    parser.add_argument("--only", default="", help="guards whose name holds these words")
    only = parser.parse_args().only
    return int(not all(list(_try_without([guard for guard in GUARDS if only in guard.name]))))


if __name__ == "__main__":
    sys.exit(main())
