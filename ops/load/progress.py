"""What a run says while it lasts."""

from typing import TextIO

from ops.load.loops import EverySecond
from ops.load.record import Record

_PLAIN_EVERY = 5
"""Seconds between lines where each stays, in a log."""


def show_progress(record: Record, out: TextIO) -> EverySecond:
    """A line a second that overwrites itself on a terminal; elsewhere plain lines, fewer."""
    terminal = out.isatty()
    looks = 0

    def show(elapsed: float) -> None:
        nonlocal looks
        looks += 1
        if not terminal and looks % _PLAIN_EVERY:
            return
        recent = record.take_recent()
        rate = recent.answers / (1 if terminal else _PLAIN_EVERY)
        text = (
            f"{elapsed:5.0f} s  {rate:6.0f}/s  p50 {recent.p50:7.2f} ms  "
            f"p99 {recent.p99:7.2f} ms  errors {record.errors}"
        )
        out.write(f"\r{text}   " if terminal else f"{text}\n")
        out.flush()

    return show
