"""Front doors are stopped, killed and crowded; the model is slower than callers wait."""

import pytest

from tests.faults.catalogue.clients import CLIENTS
from tests.faults.catalogue.front_doors import FRONT_DOORS
from tests.faults.catalogue.models import MODELS
from tests.faults.fault import Fault
from tests.faults.short import check
from tests.faults.site import Site


@pytest.mark.parametrize("fault", [*FRONT_DOORS, *CLIENTS, *MODELS], ids=lambda fault: fault.name)
def test_callers_are_answered_or_told_in_time(site: Site, fault: Fault) -> None:
    check(site, fault)
