"""What a fault is."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from tests.faults.site import Site

BACK_SECONDS = 5.0
"""After the part is back all is well within so long."""


class Fault(NamedTuple):
    """One thing that breaks, and what callers may notice of it."""

    name: str
    """What breaks, in words: its line in the ledger."""
    cause: Callable[[Site], AbstractContextManager[None]]
    """Breaks it on entering and mends it on leaving, which returns once the part is back."""
    seconds: float = 1.0
    """How long it stays broken, at least."""
    waiting: int = 0
    """So many synchronous requests wait for the workers while it breaks."""
    flawless: bool = False
    """Whether no request may fail at all: the rest takes over."""
    cuts: bool = False
    """Whether calls may lose their connection: a front door is killed."""
    sync_out_within: float | None = None
    """Synchronous requests may be refused for so many seconds; None: until the part is back."""
    tasks_out_within: float | None = None
    """The same of asynchronous ones."""
    back_within: float = BACK_SECONDS

    def with_grace(self, seconds: float) -> "Fault":
        """The same fault with so much added to every bound in time."""
        bounds = ("sync_out_within", "tasks_out_within", "back_within")
        given = {name: getattr(self, name) for name in bounds}
        return self._replace(
            **{name: bound + seconds for name, bound in given.items() if bound is not None}
        )
