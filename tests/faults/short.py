"""The short form of a fault: what ``make test`` runs."""

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.faults.trial import try_fault, verdict
from tests.faults.work import shipped_work

RATE = 40.0
"""Requests a second: little enough for a machine that runs other tests at the same time."""

DEADLINE_SECONDS = 6.0
"""Of its synchronous requests: three times the usual, since one of two workers has to do when the
other one dies, on what the other tests leave of the cores."""

GRACE_SECONDS = 4.0
"""Added to every bound in time, for the same reason. What is counted has none."""


def check(site: Site, fault: Fault) -> None:
    """Fails where a promise is broken."""
    row = try_fault(
        site, fault, shipped_work(), RATE, deadline=DEADLINE_SECONDS, margin=GRACE_SECONDS
    )
    broken = verdict(fault.with_grace(GRACE_SECONDS), row)
    assert not broken, row
