"""The incidents: how each is caused, and the runbook's step that ends it."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from redis import ResponseError

from ops.local.programs import Program
from ops.watch.stack import REDIS_BYTES, WatchedStack

_VALUE_SIZES = (1024 * 1024, 1024)
"""Bytes: a megabyte at a time, then up to the brim."""

_FULL_SECONDS = 0.05
"""Between two attempts to store more."""


class Incident(NamedTuple):
    """Something that goes wrong, and what is expected of the alerts."""

    name: str
    title: str
    story: str
    """What is done to the stack, in one sentence."""
    step: str
    """What the runbook says to do, and what was done here for it."""
    panels: str
    """Where it shows."""
    dashboards: tuple[str, ...]
    """The dashboards to draw, by uid."""
    runbook: str
    """The alert whose page it is."""
    alerts: frozenset[str]
    """Alerts that must fire."""
    cause: Callable[[WatchedStack], None]
    cure: Callable[[WatchedStack], None]


def slow_twins(workers: Sequence[Program]) -> Iterator[Program]:
    """For each worker one with a slow model, to take its place."""
    for worker in workers:
        command = (sys.executable, "-m", "ops.incidents.slow_worker")
        yield worker._replace(name=f"slow-{worker.name}", command=command)


def _end_workers(stack: WatchedStack) -> None:
    stack.halt(stack.workers)


def _start_workers(stack: WatchedStack) -> None:
    stack.start(stack.workers)


def _slow_down(stack: WatchedStack) -> None:
    stack.halt(stack.workers)
    stack.start(stack.spare)


def _roll_back(stack: WatchedStack) -> None:
    stack.halt(stack.spare)
    stack.start(stack.workers)


def _fill_redis(stack: WatchedStack) -> None:
    threading.Thread(target=_store_much, args=(stack,), name="somebody-else", daemon=True).start()


def _store_much(stack: WatchedStack) -> None:
    """Stores as much as Redis may use at first: what the service's results leave when they expire
    too, and the rest once there is more memory.
    """
    stored = 0
    with stack.redis() as redis:
        while stored < REDIS_BYTES:
            for size in _VALUE_SIZES:
                with suppress(ResponseError):  # the one that says that it is full
                    redis.set(f"somebody-elses:{stored}", b"x" * size)
                    stored += size
                    break
            else:
                time.sleep(_FULL_SECONDS)


def _give_memory(stack: WatchedStack) -> None:
    with stack.redis() as redis:
        redis.config_set("maxmemory", 3 * REDIS_BYTES)


INCIDENTS = (
    Incident(
        name="workers-dead",
        title="All workers dead",
        story="All workers are stopped at once, and nothing starts them again.",
        step="`docker-compose up -d --no-recreate worker`; here: the workers are started.",
        panels="overview: *Workers and what they have in hand* falls to none, *What answers* loses "
        "its workers, *Answers by status* turns from 200 to 504 and 503, *Age of the oldest "
        "message* rises.",
        dashboards=("regno-overview",),
        runbook="NoConsumers",
        alerts=frozenset({"NoConsumers", "TargetDown", "AvailabilityBudgetBurn"}),
        cause=_end_workers,
        cure=_start_workers,
    ),
    Incident(
        name="model-slow",
        title="The model is 50 times slower",
        story="The workers are replaced by workers whose model takes 250 ms for a batch; 5 ms is "
        "usual. *LatencyBudgetBurn* pages when 14.4% of an hour's answers were late: nearly nine "
        "minutes in which all of them are, longer than this lasts.",
        step="`MODEL_FILE` set back and `docker-compose up -d worker`; here: the workers with the "
        "former model take their place again.",
        panels="workers: *Mean by step* and *Rows in a batch* rise; overview: *Time to answer* "
        "rises; model: *Workers by model version* shows another version.",
        dashboards=("regno-overview", "regno-workers"),
        runbook="PredictionsSlow",
        alerts=frozenset({"PredictionsSlow"}),
        cause=_slow_down,
        cure=_roll_back,
    ),
    Incident(
        name="redis-full",
        title="Redis is full",
        story="Somebody else fills Redis up to its limit, and takes what becomes free.",
        step="`redis-cli config set maxmemory`, three times what it had, as on the page.",
        panels="overview: *Memory of the servers* at 100%, *Answers by status* turns to 504 and "
        "503, though workers consume.",
        dashboards=("regno-overview",),
        runbook="RedisMemory",
        alerts=frozenset({"RedisMemory", "AvailabilityBudgetBurn"}),
        cause=_fill_redis,
        cure=_give_memory,
    ),
)
