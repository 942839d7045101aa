"""Clients that misbehave while others are served."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.crowd import Crowd
from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.faults.work import shipped_work

_SILENT, _SLOW = 3000, 100


@contextmanager
def _crowded(site: Site) -> Iterator[None]:
    with Crowd(site.doors, shipped_work(), silent=_SILENT, slow=_SLOW):
        yield


CLIENTS = (
    Fault(
        "3,000 silent clients, 100 slow ones, 80 a second that vanish",
        _crowded,
        seconds=5.0,
        flawless=True,
    ),
)
