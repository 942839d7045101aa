"""The thread that watches a worker."""

import threading
from collections.abc import Mapping

from shared.queues import Lane
from worker.lanes_seen import LaneSeen
from worker.watch import Patience, Signs
from worker.watchdog import Watchdog


def test_a_look_at_rabbitmq_that_fails_as_nobody_foresaw_does_not_end_it() -> None:
    looks = threading.Semaphore(0)

    def look() -> Mapping[Lane, LaneSeen] | None:
        looks.release()
        raise AttributeError("transport")

    impatient = Patience(still=0.0, quiet=0.0)
    watchdog = Watchdog(Signs(), look, lambda: False, lambda: None, impatient)
    watchdog.start()
    assert all(looks.acquire(timeout=10) for _ in range(2))
    watchdog.stop()
