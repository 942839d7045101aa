"""What gunicorn serves."""

import os

from flask import Flask

from api.server.gate import SERVED
from api.wiring import wire
from shared.settings import ApiSettings, load

DISPATCHER = "regno_dispatcher"
"""Under this name gunicorn's hooks find the dispatcher that they start and stop."""


def create() -> Flask:
    """An application on the settings of this process's environment. Raises InvalidSettings."""
    app, dispatcher, served = wire(load(ApiSettings, os.environ))
    app.extensions[DISPATCHER] = dispatcher
    app.extensions[SERVED] = served
    return app
