"""Front doors that are stopped and killed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.door import Door
from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.processes import wait_until

NOTICED_SECONDS = 10


def _stop(door: Door) -> None:
    """As Kubernetes does: out of the load balancer first, then TERM."""
    door.drain_file.touch()
    wait_until(lambda: not door.ready, NOTICED_SECONDS, f"{door.name} drains")
    door.process.stop()


@contextmanager
def _rolled(site: Site) -> Iterator[None]:
    """One after the other."""
    for door in site.doors:
        _stop(door)
        door.start()
        door.wait_ready()
    yield


@contextmanager
def _stopped(site: Site) -> Iterator[None]:
    door = site.doors[0]
    _stop(door)
    yield
    door.start()
    door.wait_ready()


@contextmanager
def _process_killed(site: Site) -> Iterator[None]:
    """One of the processes that a front door's gunicorn watches over, which starts another."""
    os.kill(site.doors[0].processes()[0], signal.SIGKILL)
    yield


FRONT_DOORS = (
    Fault("one of two front doors stopped", _stopped, flawless=True),
    Fault("front doors restarted one by one", _rolled, flawless=True),
    Fault("a process of a front door killed", _process_killed, cuts=True),
)
