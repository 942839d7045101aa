"""Workers die under load, or have a wrong clock, and no request suffers from it."""

import pytest

from tests.faults.catalogue.clocks import CLOCKS
from tests.faults.catalogue.poison import POISON
from tests.faults.catalogue.workers import WORKERS
from tests.faults.fault import Fault
from tests.faults.short import check
from tests.faults.site import Site


@pytest.mark.parametrize("fault", [*WORKERS, *POISON, *CLOCKS], ids=lambda fault: fault.name)
def test_workers_that_die_take_no_request_with_them(site: Site, fault: Fault) -> None:
    check(site, fault)
