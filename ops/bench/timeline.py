"""What happened when: pure functions over the requests of a run, by the time they were due."""

from collections.abc import Sequence
from http import HTTPStatus
from statistics import median

from ops.load.record import Ended

WINDOW = 0.25
"""Seconds."""

_STEADY_WINDOWS = 4
"""So many normal windows in a row are normality and no luck."""


def good(ended: Ended) -> bool:
    """Whether it is the right answer."""
    return ended.right and ended.reply.status == HTTPStatus.OK


def due_between(run: Sequence[Ended], start: float, end: float) -> list[Ended]:
    """Those due in ``start <= due < end`` seconds."""
    return [ended for ended in run if start <= ended.due < end]


def answered_between(run: Sequence[Ended], start: float, end: float) -> list[Ended]:
    """Those whose reply came in ``start <= reply < end`` seconds."""
    return [ended for ended in run if start <= ended.due + ended.latency < end]


def seconds_to_normal(
    run: Sequence[Ended], dropped_at: float, until: float, normal_latency: float
) -> float | None:
    """Seconds from the drop of the load until requests are answered as before it rose.

    A window is normal when all of its requests get the right answer, and half of them within
    ``normal_latency`` seconds. None where it did not come to that before ``until``.
    """
    windows = int((until - dropped_at) / WINDOW)
    steady = 0
    for number in range(windows):
        start = dropped_at + number * WINDOW
        steady = (
            steady + 1 if _normal(due_between(run, start, start + WINDOW), normal_latency) else 0
        )
        if steady == _STEADY_WINDOWS:
            return (number + 1 - _STEADY_WINDOWS) * WINDOW
    return None


def _normal(window: Sequence[Ended], normal_latency: float) -> bool:
    if not window or not all(map(good, window)):
        return False
    return median(ended.latency for ended in window) <= normal_latency
