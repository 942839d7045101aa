"""A row that kills every worker that predicts it."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.queues import DEAD_QUEUE
from tests.builders import a_row
from tests.failing_worker import DEADLY
from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.kept_alive import KeptAlive
from tests.processes import wait_until
from tests.stack import Client
from worker.suspects import MOST_BEGINNINGS

_SECONDS = 60
"""Each death costs the start of a worker."""


@contextmanager
def _poisoned(site: Site) -> Iterator[None]:
    with KeptAlive(site) as kept, Client(site.doors[0].url) as client:
        task_id = client.post("/v1/tasks", json=a_row(afts_regno_ai=DEADLY)).json()["task_id"]

        def given_up() -> bool:
            told = client.get(f"/v1/tasks/{task_id}", params={"wait": 1}).json()
            return bool(told["status"] == "failed")

        wait_until(given_up, _SECONDS, "the poisonous task fails")
        yield
        wait_until(lambda: _dead_letters(site) == 1, _SECONDS, "one dead letter")
        assert kept.deaths <= 1 + MOST_BEGINNINGS
    site.rabbit.ctl("purge_queue", DEAD_QUEUE)


def _dead_letters(site: Site) -> int:
    listed = site.rabbit.ctl("list_queues", "name", "messages").splitlines()
    return sum(int(line.split()[1]) for line in listed if line.startswith(DEAD_QUEUE))


POISON = (Fault("a row that kills its worker each time", _poisoned),)
