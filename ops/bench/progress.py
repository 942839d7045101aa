"""What the benchmark says while it runs: what now, how far, how long still."""

import time
from typing import NamedTuple, Protocol, TextIO

from ops.load.loops import EverySecond
from ops.load.record import Recent

_MINUTE = 60


class Watched(Protocol):
    """A run that says how it goes."""

    def take_recent(self) -> Recent:
        """What came since the last call."""


class Plan(NamedTuple):
    """Where a run stands, in planned seconds."""

    before: float
    """Of all that is done."""
    now: float
    """Of what is being done."""
    after: float
    """Of what is still to come."""

    def left(self, elapsed_before: float, elapsed_now: float) -> float:
        """Seconds still to come, where the rest keeps the pace of what is done.

        A plan is for a machine of its own; a busy one takes longer.
        """
        pace = max(1.0, elapsed_before / self.before) if self.before else 1.0
        return pace * self.after + max(0.0, pace * self.now - elapsed_now)


class Progress:
    """One line that overwrites itself on a terminal; elsewhere a plain line for each step."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._began = self._plan_began = time.monotonic()
        self._plan = Plan(0.0, 0.0, 0.0)
        self._now = ""

    def follow(self, plan: Plan) -> None:
        """From now on this is being done."""
        self._plan = plan
        self._plan_began = time.monotonic()

    def step(self, text: str) -> None:
        """Says what runs now."""
        self._now = text
        if self._terminal:
            self._overwrite("")
        else:
            self._out.write(self._line("") + "\n")
            self._out.flush()

    def watch(self, run: Watched) -> EverySecond:
        """Shows what comes in, second by second, where the line can be overwritten."""

        def show(_elapsed: float) -> None:
            recent = run.take_recent()
            if self._terminal:
                self._overwrite(f"  {recent.answers}/s  p50 {recent.p50:.1f} ms")

        return show

    def _line(self, extra: str) -> str:
        now = time.monotonic()
        elapsed, before = now - self._began, self._plan_began - self._began
        left = self._plan.left(before, now - self._plan_began)
        share = elapsed / (elapsed + left) if left else 1.0
        return f"[{share:4.0%}, {time_left(left)}] {self._now}{extra}"

    def _overwrite(self, extra: str) -> None:
        self._out.write(f"\r\033[K{self._line(extra)[:118]}")
        self._out.flush()


def time_left(seconds: float) -> str:
    """For people, in the unit that fits."""
    if seconds < _MINUTE:
        return f"about {max(0, round(seconds))} s left"
    return f"about {round(seconds / _MINUTE)} min left"
