"""The front door's clock is kept whatever Redis does, and an outage is said once."""

import threading
from typing import cast

import pytest
from redis import Redis, RedisError

from api.dispatch.timekeeper import Timekeeper
from shared.clock import RedisClock

OUTAGE = [False] * 3
THERE = [True] * 3
"""So often it may be asked by one measurement."""


class MostlyAway:
    """A Redis that answers as it is told to, and from then on well."""

    def __init__(self, *there: bool) -> None:
        self._there = iter(there)
        self.asked_all = threading.Event()

    def time(self) -> tuple[int, int]:
        there = next(self._there, None)
        if there is None:
            self.asked_all.set()
        elif not there:
            raise RedisError("away")
        return 1_000_000, 0

    def set(self, *_: object, **__: object) -> None:
        pass


def test_each_outage_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.dispatch.timekeeper.MEASURE_SECONDS", 0.001)
    redis, clock = MostlyAway(*OUTAGE, *THERE, *OUTAGE), RedisClock()
    keeper = Timekeeper(cast("Redis", redis), clock, lambda _: None)
    assert keeper.problem() == "Redis has not told the time yet"
    keeper.start()
    assert redis.asked_all.wait(10)
    keeper.stop()
    assert keeper.problem() is None
    assert [record.message for record in caplog.records] == [
        "the time is not known anew: away",
        "the time is not known anew: away",
    ]
