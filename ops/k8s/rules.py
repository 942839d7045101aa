"""``python -m ops.k8s.rules regno | kubectl apply -n regno -f -``: our rules for its operator.

Prometheus's rule files and the operator's PrometheusRule hold the same groups, so the files of
ops/prometheus stay the only place where a rule is written. But a cluster's Prometheus scrapes more
than us: what a rule reads is narrowed down to the namespace that the service runs in. And by itself
it evaluates a group every 30 s, so each group says how often.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

_PROMETHEUS = Path(__file__).resolve().parents[1] / "prometheus"
RULES = _PROMETHEUS / "rules"

_SCRAPED = re.compile(r"(?<![\w:.|])(up|(?:redis|regno|celery|rabbitmq)_\w+)(?![\w:])(\{)?")
"""A series as it is scraped; the name of one that a rule of ours has recorded holds a colon."""


def rule_files() -> list[str]:
    """The text of each of Prometheus's rule files."""
    return [path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.yml"))]


def of_namespace(expr: str, namespace: str) -> str:
    """A PromQL expression of ours, of what is scraped in one namespace alone."""

    def narrowed(found: re.Match[str]) -> str:
        name, selector = found.groups()
        return f'{name}{{namespace="{namespace}"' + ("," if selector else "}")

    return _SCRAPED.sub(narrowed, expr)


def evaluation_interval() -> str:
    """How often our own Prometheus evaluates a group that does not say so itself."""
    config = yaml.safe_load((_PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    return str(config["global"]["evaluation_interval"])


def prometheus_rule(files: Iterable[str], namespace: str) -> dict[str, Any]:
    """The PrometheusRule with the groups of Prometheus's rule files, given as text."""
    found = [group for text in files for group in yaml.safe_load(text)["groups"]]
    interval = evaluation_interval()
    groups = [{"interval": interval, **group} for group in found]
    for rule in (rule for group in groups for rule in group["rules"]):
        rule["expr"] = of_namespace(rule["expr"], namespace)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "regno", "labels": {"app.kubernetes.io/name": "regno"}},
        "spec": {"groups": groups},
    }


def main() -> int:
    """Prints it; 1 where there are no rules."""
    parser = argparse.ArgumentParser("python -m ops.k8s.rules")
    parser.add_argument("namespace", help="that the service runs in")
    namespace = parser.parse_args().namespace
    files = rule_files()
    if not files:
        sys.stderr.write(f"no rules in {RULES}\n")
        return 1
    json.dump(prometheus_rule(files, namespace), sys.stdout, ensure_ascii=False, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
