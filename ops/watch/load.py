"""Requests at a constant rate to a watched stack, from a process of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ops.local.programs import ROOT
from ops.watch.parts import KEY
from ops.watch.stack import WatchedStack


@contextmanager
def load(stack: WatchedStack, rate: float, seconds: float, mode: str = "sync") -> Iterator[None]:
    """Requests a second while the context lasts, whatever becomes of them; ``seconds`` at most.

    ``mode`` is one of the load generator's.
    """
    command = [sys.executable, "-m", "ops.load", "--url", stack.url, "--key", KEY]
    options = ["--mode", mode, "--rate", str(rate), "--seconds", str(seconds)]
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()
