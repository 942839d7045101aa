"""Every query of every panel, recording rule and alert, on a real Prometheus under load."""

import math
from collections.abc import Iterator

import pytest

from ops.grafana.catalogue import DASHBOARDS
from ops.watch.rules import AlertRule, alert_rules, measured, recordings
from ops.watch.stack import WatchedStack
from tests.processes import wait_until

_SECONDS = 90
"""A rate over a minute needs two scrapes; recorded quantities come after what they are made of."""


def panel_queries() -> Iterator[tuple[str, str, str]]:
    """Where a query stands, the job that it needs though it may be left out, and the query."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels():
            for query in panel.queries:
                yield f"{dashboard.uid}: {panel.title}: {query.legend}", panel.needs, query.expr


def has_data(stack: WatchedStack, expr: str) -> bool:
    """Whether there is at least one number."""
    return any(
        not math.isnan(value) for series in stack.prometheus.now(expr) for _, value in series.points
    )


def assert_data(stack: WatchedStack, expr: str) -> None:
    wait_until(lambda: has_data(stack, expr), _SECONDS, f"there is data for {expr}")


@pytest.mark.parametrize(
    ("needs", "expr"),
    [pytest.param(needs, expr, id=name) for name, needs, expr in panel_queries()],
)
def test_a_panel_shows_something(watched: WatchedStack, needs: str, expr: str) -> None:
    if needs and needs not in {target.job for target in watched.prometheus.targets()}:
        pytest.skip(f"{needs} is not scraped here")
    assert_data(watched, expr)


@pytest.mark.parametrize("name", [rule.name for rule in recordings()])
def test_a_recording_rule_records(watched: WatchedStack, name: str) -> None:
    assert_data(watched, name)


@pytest.mark.parametrize(
    "rule", alert_rules(), ids=lambda rule: "-".join([rule.name, *rule.labels.values()])
)
def test_an_alert_looks_at_something(watched: WatchedStack, rule: AlertRule) -> None:
    assert_data(watched, measured(rule.expr))


def test_everything_that_is_scraped_answers(watched: WatchedStack) -> None:
    problems = [
        (one.job, one.problem) for one in watched.prometheus.targets() if one.health != "up"
    ]
    assert problems == []


def test_no_part_of_a_healthy_service_makes_a_page(watched: WatchedStack) -> None:
    # A busy machine may be slow: that is no part that is broken.
    pages = [
        one.labels["alertname"]
        for one in watched.prometheus.alerts()
        if one.labels["severity"] == "page" and one.labels["alertname"] != "LatencyBudgetBurn"
    ]
    assert pages == []
