"""Redis ends, is mute or is full, while requests wait for their results."""

import pytest

from tests.faults.catalogue.redis import REDIS
from tests.faults.fault import Fault
from tests.faults.short import check
from tests.faults.site import Site


@pytest.mark.parametrize("fault", REDIS, ids=lambda fault: fault.name)
def test_without_redis_nothing_accepted_is_lost(site: Site, fault: Fault) -> None:
    check(site, fault)
