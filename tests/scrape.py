"""Reads metrics as Prometheus does."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import requests
from prometheus_client.parser import text_string_to_metric_families

from shared.instruments import REPORT_SECONDS
from tests.processes import wait_until

_Read = TypeVar("_Read")


class Scrape:
    """The samples that one process, or all of a front door, showed at one moment."""

    def __init__(self, url: str) -> None:
        """``url`` is that of ``/metrics``."""
        answer = requests.get(url, timeout=10)
        assert answer.status_code == 200
        self._samples = [
            sample
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        ]

    def names(self) -> set[str]:
        """Names of the samples, so several for a histogram."""
        return {sample.name for sample in self._samples}

    def all(self, metric: str, /, **labels: str) -> list[float]:
        """The values of the series of this name that have at least these labels."""
        return [
            sample.value
            for sample in self._samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        ]

    def value(self, metric: str, /, **labels: str) -> float:
        """The sum of those series; 0 where there are none."""
        return sum(self.all(metric, **labels))

    def labels(self, name: str) -> list[Mapping[str, str]]:
        """The labels of each series of this name."""
        return [sample.labels for sample in self._samples if sample.name == name]


def settled(read: Callable[[], _Read]) -> _Read:
    """What ``read`` finds in metrics, once every process has reported what it had counted."""
    found, since = [read()], [time.monotonic()]

    def unchanged() -> bool:
        now = read()
        if now != found[-1]:
            found.append(now)
            since.append(time.monotonic())
        return time.monotonic() > since[-1] + 1.5 * REPORT_SECONDS

    wait_until(unchanged, 20, "all counts are reported")
    return found[-1]
