"""What more than one kind of test needs."""

from collections.abc import Generator
from pathlib import PurePath

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.stack import Stack

# An example is slow now and then on a machine whose cores run other tests too.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

_ONE_AFTER_THE_OTHER = {"tests/faults", "tests/ops"}
"""A fault under load wants the cores for itself; a watched stack is under load while it lives."""


def group(nodeid: str) -> str:
    """Of which test: its file, or its folder where the whole folder shares a stack under load."""
    file = nodeid.partition("::")[0]
    folder = str(PurePath(file).parent)
    return folder if folder in _ONE_AFTER_THE_OTHER else file


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # it is not typed
    """Deals out tests so that those that share a stack follow one another in one process."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStack:
    """Takes the place of the plugin's own ways to deal tests out."""
    return ByStack(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows how the processes of a stack fare, and what they said last, where its test fails."""
    report = yield
    if report.failed:
        stacks = [value for value in item.funcargs.values() if isinstance(value, Stack)]
        report.sections += [("stack", stack.story()) for stack in stacks]
    return report
