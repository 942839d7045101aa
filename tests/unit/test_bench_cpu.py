"""CPU time of processes that come and go while it is counted."""

import subprocess
import sys

import psutil

from ops.bench.cpu import cpu_seconds, family
from tests.processes import wait_until

BUSY = "import time\nwhile time.process_time() < 0.3: pass"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\ninput()"


def test_a_child_that_has_ended_is_counted_in_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as parent:
        process = psutil.Process(parent.pid)
        wait_until(lambda: bool(process.children()), 10, "the child runs")
        parts = {"part": family([parent.pid])}
        assert len(parts["part"]) == 2
        wait_until(lambda: not process.children(), 10, "the child has ended")
        assert cpu_seconds(parts)["part"] > 0.25  # the kernel counts in hundredths
        parent.kill()
