"""One RabbitMQ node of three dies, and takes at most one lane with it."""

from collections.abc import Iterator

import pytest

from tests.faults.catalogue.cluster import CLUSTER
from tests.faults.cluster import Cluster, ClusterSite
from tests.faults.fault import Fault
from tests.faults.short import check


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
