"""Every alert says what to do, and is tested; thresholds can be told from what is measured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.local.programs import ROOT
from ops.watch.rules import FOLDER, AlertRule, alert_rules, measured, recordings

RULES = alert_rules()
NAMES = sorted({rule.name for rule in RULES})
RUNBOOKS = ROOT / "docs/runbooks"


def promtool_tests() -> Iterator[dict[str, Any]]:
    """Each expectation that promtool checks about an alert."""
    for path in sorted((FOLDER / "tests").glob("*.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            yield from test.get("alert_rule_test", [])


TESTS = list(promtool_tests())


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tested_to_fire_and_not_to_fire(name: str) -> None:
    expected = [test["exp_alerts"] for test in TESTS if test["alertname"] == name]
    assert [alerts for alerts in expected if alerts], f"{name}: nothing shows that it fires"
    assert [] in expected, f"{name}: nothing shows that it stays quiet"


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_runbook_that_the_list_names(name: str) -> None:
    assert (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {name}\n")
    assert f"| [{name}]({name}.md) |" in (RUNBOOKS / "README.md").read_text(encoding="utf-8")


def test_no_runbook_and_no_test_is_left_of_an_alert_that_is_gone() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*NAMES, "README"}
    assert {test["alertname"] for test in TESTS} == set(NAMES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}-{rule.labels['severity']}")
def test_an_alert_says_how_urgent_it_is_and_what_it_means(rule: AlertRule) -> None:
    assert rule.labels["severity"] in {"page", "ticket"}
    assert set(rule.annotations) == {"summary", "description", "runbook_url"}
    assert rule.annotations["runbook_url"] == f"docs/runbooks/{rule.name}.md"


@pytest.mark.parametrize(
    ("expr", "left"),
    [
        ("up == 0", "up"),
        ("a > 14.4 * 0.001 and b > 14.4 * 0.001", "a and b"),
        ('sum(rate(x{job!="y",le="0.1"}[1m])) >= 2', 'sum(rate(x{job!="y",le="0.1"}[1m]))'),
        ("used / limit", "used / limit"),
    ],
)
def test_what_an_alert_measures_is_its_expression_without_numbers_to_compare_with(
    expr: str, left: str
) -> None:
    assert measured(expr) == left


def test_recordings_are_named_by_level_metric_and_operation() -> None:
    assert all(rule.name.count(":") == 2 for rule in recordings())


def test_every_objective_of_the_page_is_the_one_of_the_alerts() -> None:
    text = Path(ROOT / "docs/objectives.md").read_text(encoding="utf-8")
    burns = {
        rule.name: rule.expr
        for rule in RULES
        if rule.name.endswith("BudgetBurn") and rule.labels["window"] == "1h"
    }
    assert "| 99.9% |" in text
    assert "> 14.4 * 0.001 " in burns["AvailabilityBudgetBurn"]
    assert "| 99% |" in text
    assert "> 14.4 * 0.01 " in burns["LatencyBudgetBurn"]
