"""One incident on a running stack, from the quiet before it to the quiet after it."""

import time

import msgspec

from ops.incidents.catalogue import Incident
from ops.incidents.timeline import Change
from ops.incidents.watching import Watcher
from ops.watch.stack import WatchedStack

_RATES_SECONDS = 60.0
"""Until a rate over a minute is that of the load."""

_BEFORE_SECONDS = 60.0
"""Of good service, to see the difference."""

_FIRING_SECONDS = 300.0
_STAY_SECONDS = 10.0
"""How long it goes on once every expected alert fires: what else does?"""

_QUIET_SECONDS = 900.0
"""The shorter window of a burn rate is five minutes: a page cannot end much sooner."""


class Record(msgspec.Struct, frozen=True):
    """What happened, all instants in Unix seconds."""

    rate: float
    """Requests a second meanwhile."""
    began: float
    caused: float
    cured: float
    ended: float
    changes: list[Change]


def stage(stack: WatchedStack, incident: Incident, rate: float) -> Record:
    """Causes the incident, waits for its alerts, ends it, and waits until all is quiet.

    Raises WaitedInVain where an expected alert does not fire or does not end.
    """
    watcher = Watcher(stack.prometheus)
    watcher.watch_until_quiet(_QUIET_SECONDS)
    watcher.watch_for(_RATES_SECONDS)
    began = time.time()
    watcher.watch_for(_BEFORE_SECONDS)
    caused = time.time()
    incident.cause(stack)
    watcher.watch_until_firing(incident.alerts, _FIRING_SECONDS)
    watcher.watch_for(_STAY_SECONDS)
    cured = time.time()
    incident.cure(stack)
    watcher.watch_until_quiet(_QUIET_SECONDS)
    changes = [change for change in watcher.changes if change.at >= caused]
    return Record(rate, began, caused, cured, time.time(), changes)
