"""A front door on a machine whose clock is wrong."""

import os

from tests.shifted_clock import API_SHIFT, shift_clock

shift_clock(float(os.environ[API_SHIFT]))

from api.wsgi import create  # noqa: E402 - the clock is shifted first

__all__ = ["create"]
