"""How many CPUs this process may use."""

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def available_cpus(quota_file: Path = _CGROUP) -> int:
    """CPUs that the process may run on, a container's limit included; at least 1.

    ``quota_file`` holds, in cgroup v2, microseconds of CPU time and the period they are for:
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    """
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return allowed
    if quota == "max":
        return allowed
    return max(1, min(allowed, math.ceil(int(quota) / int(period))))


def half_of_cpus() -> int:
    """What front door and workers each take by default, at least 1: see docs/benchmarks."""
    return max(1, available_cpus() // 2)
