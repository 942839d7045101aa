"""A cluster of three RabbitMQ nodes of which one is killed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from shared.queues import Lane
from tests.faults.cluster import ClusterSite
from tests.faults.fault import Fault
from tests.faults.site import Site


def _killed(home: bool) -> Callable[[Site], AbstractContextManager[None]]:
    """The node on which the sync lane's queue lives, or another one."""

    @contextmanager
    def cause(site: Site) -> Iterator[None]:
        assert isinstance(site, ClusterSite)
        lives_on = site.cluster.home_of(Lane.SYNC)
        node = next(n for n in site.cluster.nodes if (n is lives_on) is home)
        node.process.kill()
        yield
        node.start()
        node.wait_ready()

    return cause


ANEW_SECONDS = 2.0
"""Within these every connection is made anew, and a quorum queue has another leader."""

CLUSTER = (
    Fault(
        "a RabbitMQ node of three killed, not the one with regno.sync",
        _killed(home=False),
        sync_out_within=ANEW_SECONDS,
        tasks_out_within=ANEW_SECONDS,
    ),
    Fault(
        "the RabbitMQ node with regno.sync killed, of three",
        _killed(home=True),
        seconds=5.0,
        tasks_out_within=ANEW_SECONDS,
    ),
)
