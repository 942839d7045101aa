"""Tests that share a stack follow one another in one process."""

import pytest

from tests.conftest import group


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/faults/test_redis.py::test_it[a::b]", "tests/faults"),
        ("tests/ops/test_flower.py::test_it", "tests/ops"),
        ("tests/unit/test_http.py::test_it[/v1/tasks]", "tests/unit/test_http.py"),
        ("tests/integration/test_http.py::test_it", "tests/integration/test_http.py"),
    ],
)
def test_a_file_is_a_group_and_so_is_a_folder_with_one_stack_under_load(
    nodeid: str, expected: str
) -> None:
    assert group(nodeid) == expected
