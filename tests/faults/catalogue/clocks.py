"""A worker whose machine's clock is wrong."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.shifted_clock import WORKER_SHIFT


def _wrong_by(seconds: int) -> Callable[[Site], AbstractContextManager[None]]:
    """One worker is left, and its clock is ahead by so much."""

    @contextmanager
    def cause(site: Site) -> Iterator[None]:
        right = list(site.workers)
        wrong = site.add_worker("tests.shifted_worker", **{WORKER_SHIFT: str(seconds)})
        site.wait_for_workers()
        for worker in right:
            worker.stop()
            site.workers.remove(worker)
        yield
        for _ in right:
            site.add_worker()
        site.wait_for_workers()
        wrong.stop()
        site.workers.remove(wrong)

    return cause


CLOCKS = (
    Fault("the only worker's clock 30 s ahead", _wrong_by(30), seconds=2.0, flawless=True),
    Fault("the only worker's clock 30 s behind", _wrong_by(-30), seconds=2.0, flawless=True),
)
