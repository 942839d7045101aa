"""CPU time and memory of the processes of a system, by part."""

from collections.abc import Mapping

import psutil

Parts = Mapping[str, list[int]]
"""Part to the ids of its processes; their children count with them."""


def _family(pids: list[int]) -> list[psutil.Process]:
    family = []
    for pid in pids:
        process = psutil.Process(pid)
        family += [process, *process.children(recursive=True)]
    return family


def cpu_seconds(parts: Parts) -> dict[str, float]:
    """User and system time that each part has used so far, in seconds."""
    return {
        part: sum(sum(process.cpu_times()[:2]) for process in _family(pids))
        for part, pids in parts.items()
    }


def resident_megabytes(parts: Parts) -> dict[str, list[float]]:
    """Resident memory of each process of each part, in MB."""
    return {
        part: [round(process.memory_info().rss / 1e6, 1) for process in _family(pids)]
        for part, pids in parts.items()
    }
