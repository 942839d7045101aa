"""Workers that die."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults.fault import Fault
from tests.faults.mortal_worker import IN_BATCH, STORED
from tests.faults.site import Site


def _one_dies(where: str) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def cause(site: Site) -> Iterator[None]:
        site.doom_a_worker(where)
        yield
        site.replace_dead_workers()

    return cause


@contextmanager
def _all_die(site: Site) -> Iterator[None]:
    for worker in site.workers:
        worker.kill()
    yield
    site.replace_dead_workers()


WORKERS = (
    Fault("one of two workers killed in the middle of a batch", _one_dies(IN_BATCH), flawless=True),
    Fault(
        "one of two workers killed after storing, before acknowledging",
        _one_dies(STORED),
        flawless=True,
    ),
    Fault("all workers killed at once", _all_die, seconds=3.0),
)
