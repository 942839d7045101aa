"""Reads metrics as Prometheus does."""

from collections.abc import Mapping

import requests
from prometheus_client.parser import text_string_to_metric_families


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
