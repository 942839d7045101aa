"""``python -m ops.k8s.rules | kubectl apply -n regno -f -``: our rules for prometheus-operator.

Prometheus's rule files and the operator's PrometheusRule hold the same groups, so the files of
ops/prometheus stay the only place where a rule is written.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).resolve().parents[1] / "prometheus/rules"


def prometheus_rule(files: Iterable[str]) -> dict[str, Any]:
    """The PrometheusRule with the groups of Prometheus's rule files, given as text."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "regno", "labels": {"app.kubernetes.io/name": "regno"}},
        "spec": {"groups": [group for text in files for group in yaml.safe_load(text)["groups"]]},
    }


def main() -> int:
    """Prints it; 1 where there are no rules."""
    files = [path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.yml"))]
    if not files:
        sys.stderr.write(f"no rules in {RULES}\n")
        return 1
    json.dump(prometheus_rule(files), sys.stdout, ensure_ascii=False, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
