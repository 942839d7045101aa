"""Waiting for a condition, with an end."""

import time
from collections.abc import Callable


class WaitedInVain(Exception):
    """The condition did not come true in time, or cannot any more."""


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    what: str,
    possible: Callable[[], bool] = lambda: True,
    every: float = 0.05,
) -> None:
    """Polls until the condition holds, ``every`` so many seconds.

    Raises WaitedInVain after ``seconds``, or as soon as ``possible`` says that it won't.
    """
    give_up = time.monotonic() + seconds
    while not condition():
        if not possible():
            raise WaitedInVain(f"{what}: it never will")
        if time.monotonic() > give_up:
            raise WaitedInVain(f"{what}: not within {seconds:g} s")
        time.sleep(every)
