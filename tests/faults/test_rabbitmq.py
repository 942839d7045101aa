"""RabbitMQ ends, is mute, raises an alarm or cuts its connections."""

import pytest

from tests.faults.catalogue.rabbitmq import RABBITMQ
from tests.faults.fault import Fault
from tests.faults.short import check
from tests.faults.site import Site


@pytest.mark.parametrize("fault", RABBITMQ, ids=lambda fault: fault.name)
def test_without_rabbitmq_nothing_accepted_is_lost(site: Site, fault: Fault) -> None:
    check(site, fault)
