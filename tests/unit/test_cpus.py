import os
from pathlib import Path

import pytest

from shared.cpus import available_cpus

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000", ALLOWED),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("100000000 100000", ALLOWED),
    ],
)
def test_a_containers_limit_counts(tmp_path: Path, quota: str, cpus: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert available_cpus(file) == cpus


def test_without_a_limit_it_is_the_cpus_the_process_may_run_on(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "absent") == ALLOWED
