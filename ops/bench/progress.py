"""What the benchmark says while it runs: what now, how far, how long still."""

import time
from typing import TextIO

from ops.load.loops import EverySecond
from ops.load.record import Record

_MINUTE = 60


class Progress:
    """One line that overwrites itself on a terminal; elsewhere a plain line for each step."""

    def __init__(self, out: TextIO, planned_seconds: float) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._planned = planned_seconds
        self._began = time.monotonic()
        self._now = ""

    def step(self, text: str) -> None:
        """Says what runs now."""
        self._now = text
        if self._terminal:
            self._overwrite("")
        else:
            self._out.write(self._line("") + "\n")
            self._out.flush()

    def watch(self, record: Record) -> EverySecond:
        """Shows what comes in, second by second, where the line can be overwritten."""

        def show(_elapsed: float) -> None:
            recent = record.take_recent()
            if self._terminal:
                self._overwrite(f"  {recent.answers}/s  p50 {recent.p50:.1f} ms")

        return show

    def _line(self, extra: str) -> str:
        elapsed = time.monotonic() - self._began
        share = min(0.99, elapsed / self._planned)
        return f"[{share:4.0%}, {time_left(self._planned - elapsed)}] {self._now}{extra}"

    def _overwrite(self, extra: str) -> None:
        self._out.write(f"\r\033[K{self._line(extra)[:118]}")
        self._out.flush()


def time_left(seconds: float) -> str:
    """For people, in the unit that fits."""
    if seconds < _MINUTE:
        return f"about {max(0, round(seconds))} s left"
    return f"about {round(seconds / _MINUTE)} min left"
