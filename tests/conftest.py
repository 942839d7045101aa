"""What more than one kind of test needs."""

from collections.abc import Sequence

import pytest
from hypothesis import settings

# An example is slow now and then on a machine whose cores run other tests too.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Which tests follow one another in one process: those of a file, and all faults.

    A fault under load wants the cores for itself: two of them at the same time starve each other.
    """
    for item in items:
        group = "faults" if "faults" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
