"""What gunicorn serves."""

import os

from flask import Flask

from api.server.gate import SERVED
from api.wiring import wire
from shared.settings import ApiSettings, load
from shared.telemetry import start_telemetry

DISPATCHER = "regno_dispatcher"
TELEMETRY = "regno_telemetry"
"""Under these names gunicorn's hooks find what they start and stop."""


def create() -> Flask:
    """An application on the settings of this process's environment. Raises InvalidSettings."""
    settings = load(ApiSettings, os.environ)
    telemetry = start_telemetry(settings, "api", os.environ)
    app, dispatcher, served = wire(settings, telemetry.tracer)
    app.extensions[DISPATCHER] = dispatcher
    app.extensions[TELEMETRY] = telemetry
    app.extensions[SERVED] = served
    return app
