"""Serves until told to stop, then answers what is in hand and hangs up on the rest."""

import logging
import time
from collections.abc import Callable, Sequence

import gevent

from api.server.door import FrontDoor, Listener

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_CHECK_SECONDS = 1.0
_LAST_WORD_SECONDS = 0.1
"""While stopping, how long an idle connection may still send what is on its way."""


def serve(
    door: FrontDoor,
    listeners: Sequence[Listener],
    alive: Callable[[], bool],
    beat: Callable[[], None],
) -> None:
    """Accepts connections while ``alive``. ``beat`` is called about every second."""
    for listener in listeners:
        listener.start()
    next_check = 0.0
    while alive():
        if time.monotonic() >= next_check:
            beat()
            door.check()
            next_check = time.monotonic() + _CHECK_SECONDS
        for listener in listeners:
            listener.start_accepting()  # it may have found no room
        gevent.sleep(_LOOK_SECONDS)
    for listener in listeners:
        listener.close()


def drain(door: FrontDoor, seconds: float, beat: Callable[[], None]) -> None:
    """Waits for the answers that are still to come, at most so long."""
    door.draining = True
    give_up = time.monotonic() + seconds
    gevent.sleep(_LAST_WORD_SECONDS)
    while door.connections and time.monotonic() < give_up:
        door.close_idle()
        beat()
        door.check()
        gevent.sleep(_LOOK_SECONDS)
    if door.connections:
        _logger.warning("hanging up on %d clients", len(door.connections))
        door.close()
