"""A front door that is killed while it accepts a task, where a file says so."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from api.dispatch.publisher import Publisher
from api.dispatch.task_store import TaskStore
from api.wsgi import create as create_app

FOLDER = "TEST_DYING_FOLDER"
"""The variable that names the folder of the two files below. Each works once."""
BEFORE_PUBLISHING = "before-publishing"
AFTER_PUBLISHING = "after-publishing"


def _die_before(owner: type, name: str, told: str) -> None:
    method: Callable[..., Any] = getattr(owner, name)

    def dying(*arguments: Any, **options: Any) -> Any:
        order = Path(os.environ[FOLDER]) / told
        if order.exists():
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments, **options)

    setattr(owner, name, dying)


def create() -> Flask:
    """The application that gunicorn is given."""
    _die_before(Publisher, "publish", BEFORE_PUBLISHING)
    _die_before(TaskStore, "confirm", AFTER_PUBLISHING)
    return create_app()
