"""Makes the wall clock of this process wrong, as that of a machine without NTP is."""

import datetime
import time
from typing import cast

API_SHIFT = "TEST_API_CLOCK_SHIFT"
WORKER_SHIFT = "TEST_WORKER_CLOCK_SHIFT"
OPERATOR_SHIFT = "TEST_OPERATOR_CLOCK_SHIFT"
"""Variables of a stack, or of an operator's command: by how many seconds its clock is ahead."""


def shift_clock(seconds: float) -> None:
    """``time`` and ``datetime`` tell another time from now on; monotonic clocks do not.

    To be called before anything is imported that may keep a clock for itself, but for C extensions.
    """
    right, right_ns, right_datetime = time.time, time.time_ns, datetime.datetime

    class ShiftedDatetime(right_datetime):  # type: ignore[misc, valid-type]
        """What ``now`` says is wrong."""

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "ShiftedDatetime":
            """See ``datetime``."""
            return cast("ShiftedDatetime", cls.fromtimestamp(right() + seconds, tz))

    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + round(seconds * 1e9)
    datetime.datetime = ShiftedDatetime  # type: ignore[misc]
