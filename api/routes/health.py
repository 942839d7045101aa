"""``/livez`` and ``/readyz``: is the process up, and can it serve."""

from http import HTTPStatus
from pathlib import Path

import msgspec
from flask import Blueprint, Response
from redis import Redis, RedisError

from api.answers import json_response
from api.dispatch.dispatcher import Dispatcher
from shared.presence import WorkerInfo, present_workers


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process can serve, and what each part it needs says."""

    status: str
    """``ready`` or ``not ready``."""
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
        checks = {"broker": "ok", "redis": "ok", "workers": "ok"} | dispatcher.problems()
        workers: list[WorkerInfo] = []
        try:
            workers = present_workers(redis)
        except RedisError as error:
            checks["redis"] = f"Redis: {error}"
            checks["workers"] = "unknown while Redis does not answer"
        else:
            if not workers:
                checks["workers"] = "no worker consumes"
        if drain_file.exists():
            checks["front_door"] = "about to stop"
        ready = all(check == "ok" for check in checks.values())
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return json_response(Readiness("ready" if ready else "not ready", checks, workers), status)

    return blueprint
