"""Settings of the commands: those of the front door that a task depends on."""

from shared.settings import Seconds, Settings


class DeadLettersSettings(Settings, frozen=True, kw_only=True):
    """What the commands must know: with the front door's values a task lives as long as ever."""

    task_ttl: Seconds = 3600
    """How long a replayed task may wait for a worker before it expires."""
