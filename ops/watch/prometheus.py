"""Asking a Prometheus. https://prometheus.io/docs/prometheus/latest/querying/api/"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import requests

_TIMEOUT = 10.0
"""Seconds for one call."""


class QueryFailed(Exception):
    """Prometheus does not answer, or refuses the query and says why."""


class Series(NamedTuple):
    """One line: its labels, and its values at instants in Unix seconds."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]


class Alert(NamedTuple):
    """An alert that is not inactive."""

    labels: Mapping[str, str]
    state: str
    """``pending`` or ``firing``."""


class Target(NamedTuple):
    """Something that is scraped."""

    job: str
    health: str
    """``up``, ``down`` or, before the first scrape, ``unknown``."""
    problem: str


class Prometheus:
    """A Prometheus at a URL. Every method raises QueryFailed."""

    def __init__(self, url: str) -> None:
        self.url = url

    def now(self, expr: str) -> list[Series]:
        """The values at this moment."""
        found = self._get("query", query=expr)
        if found["resultType"] == "scalar":
            return [Series({}, [_point(found["result"])])]
        return [Series(one["metric"], [_point(one["value"])]) for one in found["result"]]

    def over(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """The values from ``start`` to ``end``, Unix seconds, every ``step`` seconds."""
        found = self._get("query_range", query=expr, start=start, end=end, step=step)
        return [
            Series(one["metric"], [_point(value) for value in one["values"]])
            for one in found["result"]
        ]

    def alerts(self) -> list[Alert]:
        """The alerts that are pending or firing."""
        return [Alert(one["labels"], one["state"]) for one in self._get("alerts")["alerts"]]

    def targets(self) -> list[Target]:
        """Everything that is scraped."""
        found = self._get("targets", state="active")["activeTargets"]
        return [Target(one["labels"]["job"], one["health"], one["lastError"]) for one in found]

    def _get(self, path: str, **parameters: str | float) -> Any:
        try:
            answer = requests.get(
                f"{self.url}/api/v1/{path}", params=parameters, timeout=_TIMEOUT
            ).json()
        except requests.RequestException as error:
            raise QueryFailed(f"{self.url}: {error}") from error
        if answer["status"] != "success":
            raise QueryFailed(f"{parameters.get('query', path)}: {answer['error']}")
        return answer["data"]


def _point(pair: list[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
