"""The incidents: how each is caused, and the runbook's step that ends it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from redis import ResponseError

from ops.local.programs import Program
from ops.watch.stack import REDIS_BYTES, WatchedStack

_VALUE_SIZES = (1024 * 1024, 1024)
"""Bytes: a megabyte at a time, then up to the brim."""


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
    with stack.redis() as redis:
        for size in _VALUE_SIZES:
            with suppress(ResponseError):  # the one that says that it is full
                for number in range(2 * REDIS_BYTES // size):
                    redis.set(f"somebody-elses:{size}:{number}", b"x" * size)


def _give_memory(stack: WatchedStack) -> None:
    with stack.redis() as redis:
        redis.config_set("maxmemory", 2 * REDIS_BYTES)


INCIDENTS = (
    Incident(
        name="workers-dead",
        title="All workers dead",
        story="All workers are stopped at once, and nothing starts them again.",
        step="`docker-compose up -d --no-recreate --scale worker=2 worker`; "
        "here: the workers are started.",
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
        story="The workers are replaced by workers whose model takes 50 times as long for the same "
        "batch.",
        step="`MODEL_FILE` set back and `docker-compose up -d`; here: the workers with the former "
        "model take their place again.",
        panels="workers: *Mean by step* and *Rows in a batch* rise; overview: *Time to answer* "
        "rises; model: *Workers by model version* shows another version.",
        dashboards=("regno-overview", "regno-workers"),
        runbook="PredictionsSlow",
        alerts=frozenset({"PredictionsSlow", "LatencyBudgetBurn"}),
        cause=_slow_down,
        cure=_roll_back,
    ),
    Incident(
        name="redis-full",
        title="Redis is full",
        story="Somebody else's keys fill Redis up to its limit.",
        step="`redis-cli config set maxmemory`, twice of what it had.",
        panels="overview: *Memory of the servers* at 100%, *Answers by status* turns to 504 and "
        "503, though workers consume.",
        dashboards=("regno-overview",),
        runbook="RedisMemory",
        alerts=frozenset({"RedisMemory", "AvailabilityBudgetBurn"}),
        cause=_fill_redis,
        cure=_give_memory,
    ),
)
