"""Every fault of the ledger."""

from tests.faults.catalogue.clients import CLIENTS
from tests.faults.catalogue.clocks import CLOCKS
from tests.faults.catalogue.front_doors import FRONT_DOORS
from tests.faults.catalogue.models import MODELS
from tests.faults.catalogue.poison import POISON
from tests.faults.catalogue.rabbitmq import RABBITMQ
from tests.faults.catalogue.redis import REDIS
from tests.faults.catalogue.workers import WORKERS

FAULTS = (*WORKERS, *POISON, *CLOCKS, *MODELS, *FRONT_DOORS, *CLIENTS, *REDIS, *RABBITMQ)
