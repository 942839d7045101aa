"""The recording rules and alerts, as data."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from ops.local.programs import ROOT

FOLDER = ROOT / "ops/prometheus"

_THRESHOLD = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*[0-9.]+(\s*\*\s*[0-9.]+)*")
"""A comparison with a number, or with a product of numbers. Labels are compared with text."""


class Recording(NamedTuple):
    """A measured quantity under a name of its own."""

    name: str
    expr: str


class AlertRule(NamedTuple):
    """One rule of an alert; an alert may have several."""

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def recordings() -> list[Recording]:
    """Every recording rule."""
    return [Recording(rule["record"], rule["expr"]) for rule in _rules("recording.yml")]


def alert_rules() -> list[AlertRule]:
    """Every rule of every alert."""
    return [
        AlertRule(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
        for rule in _rules("alerts.yml")
    ]


def measured(expr: str) -> str:
    """An alert's expression without its thresholds: what it looks at, whether it fires or not."""
    return _THRESHOLD.sub("", expr)


def _rules(name: str) -> list[dict[str, Any]]:
    content = yaml.safe_load((FOLDER / "rules" / name).read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]
