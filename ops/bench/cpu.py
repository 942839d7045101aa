"""CPU time and memory of the processes of a system, by part."""

from collections.abc import Mapping

import psutil

Parts = Mapping[str, list[psutil.Process]]
"""Part to its processes, their children among them."""


def family(pids: list[int]) -> list[psutil.Process]:
    """The processes and all their children, as they are at this moment."""
    roots = [psutil.Process(pid) for pid in pids]
    return [process for root in roots for process in (root, *root.children(recursive=True))]


def cpu_seconds(parts: Parts) -> dict[str, float]:
    """User and system time that each part has used so far, in seconds.

    A child that has ended, as those do that RabbitMQ measures its disk with, is counted in its
    parent: getrusage(2), RUSAGE_CHILDREN.
    """
    return {part: sum(map(_used, processes)) for part, processes in parts.items()}


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def resident_megabytes(parts: Parts) -> dict[str, list[float]]:
    """Resident memory of each process of each part, in MB."""
    return {
        part: [round(process.memory_info().rss / 1e6, 1) for process in processes]
        for part, processes in parts.items()
    }
