"""``/livez`` and ``/readyz``: is the process up, and can it serve."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import msgspec
from flask import Blueprint, Response
from redis import Redis, RedisError

from api.answers import json_response
from api.dispatch.dispatcher import Dispatcher
from shared.presence import WorkerInfo, present_workers
from shared.queues import Lane
from shared.redis_requirements import unmet_requirement


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process can serve, and what each part it needs says."""

    status: str
    """``ready``; ``degraded``, where one of the two lanes is missing; or ``not ready``."""
    checks: dict[str, str]
    """``broker``, ``redis`` and ``workers``: ``ok`` or what is wrong; ``front_door`` where it is
    about to stop."""
    workers: list[WorkerInfo]
    """Workers that consume now, each with the model it holds."""


def make_blueprint(dispatcher: Dispatcher, redis: Redis, drain_file: Path) -> Blueprint:
    """Health needs no key: load balancers have none.

    While ``drain_file`` exists the process asks to be sent nothing new, and answers what comes.
    """
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/livez")
    def livez() -> Response:
        return json_response(Liveness())

    @blueprint.get("/readyz")
    def readyz() -> Response:
        missing = dispatcher.missing_lanes()
        checks = {"broker": "ok", "redis": "ok", "workers": "ok"} | dispatcher.problems()
        workers: list[WorkerInfo] = []
        try:
            workers = present_workers(redis)
            unmet = unmet_requirement(redis)
            if unmet is not None:
                checks["redis"] = unmet
        except RedisError as error:
            checks["redis"] = f"Redis: {error}"
            checks["workers"] = "unknown while Redis does not answer"
        else:
            if not workers:
                checks["workers"] = "no worker consumes"
        if drain_file.exists():
            checks["front_door"] = "about to stop"
        return _readiness(checks, missing, workers)

    return blueprint


def _readiness(
    checks: dict[str, str], missing: Mapping[Lane, str], workers: list[WorkerInfo]
) -> Response:
    """With one lane it can serve, and load balancers are to send it what it can do."""
    if any(check != "ok" for check in checks.values()):
        status, code = "not ready", HTTPStatus.SERVICE_UNAVAILABLE
    else:
        status, code = "degraded" if missing else "ready", HTTPStatus.OK
    if missing and checks["broker"] == "ok":
        checks["broker"] = "; ".join(
            reason if lane in reason else f"{lane}: {reason}" for lane, reason in missing.items()
        )
    return json_response(Readiness(status, checks, workers), code)
