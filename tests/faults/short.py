"""The short form of a fault: what ``make test`` runs."""

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.faults.trial import try_fault, verdict
from tests.faults.work import shipped_work

RATE = 80.0
"""Requests a second: little enough for a machine that runs other tests at the same time."""


def check(site: Site, fault: Fault) -> None:
    """Fails where a promise is broken."""
    row = try_fault(site, fault, shipped_work(), RATE)
    assert not verdict(fault, row), row
