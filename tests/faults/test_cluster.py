"""One RabbitMQ node of three dies, and takes at most one lane with it."""

from collections.abc import Iterator

import pytest

from ops.queues.management import ManagementApi
from ops.queues.settings import api_address
from shared.queues import Lane
from tests.faults.catalogue.cluster import CLUSTER
from tests.faults.cluster import Cluster, ClusterSite
from tests.faults.fault import Fault
from tests.faults.short import check
from tests.processes import wait_until


@pytest.fixture(scope="module")
def cluster_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSite]:
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder) as cluster, ClusterSite(folder, cluster) as site:
        yield site


@pytest.mark.parametrize("fault", CLUSTER, ids=lambda fault: fault.name)
def test_a_node_that_dies_takes_no_accepted_task_and_at_most_one_lane_with_it(
    cluster_site: ClusterSite, fault: Fault
) -> None:
    check(cluster_site, fault)


def test_a_lane_that_died_with_its_node_is_seen_to_have_no_consumers(
    cluster_site: ClusterSite,
) -> None:
    """What the alert NoConsumers looks at, on a node that is left."""
    cluster = cluster_site.cluster
    home = cluster.home_of(Lane.SYNC)
    left = next(n for n, node in enumerate(cluster.nodes) if node is not home)
    api = ManagementApi(api_address(cluster.api_urls[left]))

    def wait_for(consumers: dict[Lane, int]) -> None:
        def seen() -> bool:
            queues = api.read().queues
            return {lane: queues[lane].consumers for lane in Lane} == consumers

        wait_until(seen, 60, f"consumers: {consumers}")

    wait_for(dict.fromkeys(Lane, 2))
    home.process.kill()
    wait_for({Lane.SYNC: 0, Lane.ASYNC: 2})
    home.start()
    home.wait_ready()
    wait_for(dict.fromkeys(Lane, 2))
