"""Looks at the alerts once a second while an incident goes on."""

import time
from collections.abc import Callable

from ops.incidents.timeline import Change, Key, changes, states
from ops.local.waiting import WaitedInVain
from ops.watch.prometheus import Prometheus, QueryFailed

_EVERY_SECONDS = 1.0


class Watcher:
    """Remembers every change of every alert."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._states: dict[Key, str] = {}
        self.changes: list[Change] = []

    def watch_for(self, seconds: float) -> None:
        """Looks on for so long."""
        self._watch(lambda: False, seconds)

    def watch_until_firing(self, alerts: frozenset[str], seconds: float) -> None:
        """Looks on until each of these alerts has fired. Raises WaitedInVain."""

        def all_fired() -> bool:
            return alerts <= {change.alert for change in self.changes if change.state == "firing"}

        if not self._watch(all_fired, seconds):
            raise WaitedInVain(f"{', '.join(sorted(alerts))}: not all fired within {seconds:g} s")

    def watch_until_quiet(self, seconds: float) -> None:
        """Looks on until no alert is pending or firing. Raises WaitedInVain."""
        if not self._watch(lambda: not self._states, seconds):
            left = ", ".join(sorted({key[0] for key in self._states}))
            raise WaitedInVain(f"{left}: still there after {seconds:g} s")

    def _watch(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Whether it was enough before the time was up."""
        give_up = time.monotonic() + seconds
        while True:
            if self._look() and enough():
                return True
            if time.monotonic() > give_up:
                return False
            time.sleep(_EVERY_SECONDS)

    def _look(self) -> bool:
        """Whether Prometheus answered; what it could not tell now it tells a second later."""
        try:
            after = states(self._prometheus.alerts())
        except QueryFailed:
            return False
        self.changes += changes(self._states, after, time.time())
        self._states = after
        return True
