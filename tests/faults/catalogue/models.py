"""A model that is slower than callers wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.fault import Fault
from tests.faults.mortal_worker import SLOW
from tests.faults.site import Site


@contextmanager
def _slow(site: Site) -> Iterator[None]:
    order = site.deaths / SLOW
    order.touch()
    try:
        yield
    finally:
        order.unlink()


MODELS = (Fault("the model slow: half a second a batch", _slow, seconds=5.0),)
