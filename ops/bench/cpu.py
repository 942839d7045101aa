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

    Raises psutil.NoSuchProcess where one has ended: its time could not be counted.
    """
    return {
        part: sum(sum(process.cpu_times()[:2]) for process in processes)
        for part, processes in parts.items()
    }


def resident_megabytes(parts: Parts) -> dict[str, list[float]]:
    """Resident memory of each process of each part, in MB."""
    return {
        part: [round(process.memory_info().rss / 1e6, 1) for process in processes]
        for part, processes in parts.items()
    }
