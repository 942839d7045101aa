"""What became of the alerts, and when."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ops.watch.prometheus import Alert

Key = tuple[str, ...]
"""An alert's name, then its labels as ``name=value`` in order."""


class Change(NamedTuple):
    """An alert is not what it was."""

    at: float
    """Unix seconds."""
    alert: str
    labels: str
    """All but the name, as text."""
    state: str
    """``pending``, ``firing`` or ``resolved``."""


def states(alerts: Sequence[Alert]) -> dict[Key, str]:
    """The state of each alert that is not inactive."""
    return {_key(alert.labels): alert.state for alert in alerts}


def changes(before: Mapping[Key, str], after: Mapping[Key, str], at: float) -> list[Change]:
    """What differs. A pending alert that goes away was a false start, and no news."""
    begun = [
        Change(at, key[0], ", ".join(key[1:]), state)
        for key, state in after.items()
        if before.get(key) != state
    ]
    ended = [
        Change(at, key[0], ", ".join(key[1:]), "resolved")
        for key, state in before.items()
        if key not in after and state == "firing"
    ]
    return begun + ended


def _key(labels: Mapping[str, str]) -> Key:
    rest = sorted(f"{name}={value}" for name, value in labels.items() if name != "alertname")
    return (labels["alertname"], *rest)
