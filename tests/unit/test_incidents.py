"""What an incident's record says of the alerts."""

from ops.incidents.catalogue import INCIDENTS
from ops.incidents.report import Row, page, rows
from ops.incidents.stage import Record
from ops.incidents.timeline import Change, changes, states
from ops.watch.prometheus import Alert
from ops.watch.rules import alert_rules

DOWN = {"alertname": "TargetDown", "severity": "page", "job": "api"}
LABELS = "instance=127.0.0.1:1234, severity=page"
WAITS = {"alertname": "SyncQueueWaits", "severity": "page"}


def seen(*looks: list[Alert]) -> list[Change]:
    """The changes of looks that are a second apart."""
    found: list[Change] = []
    before = states([])
    for at, alerts in enumerate(looks):
        after = states(alerts)
        found += changes(before, after, float(at))
        before = after
    return found


def test_an_alert_becomes_pending_then_fires_then_is_resolved() -> None:
    looks = [[Alert(DOWN, "pending")], [Alert(DOWN, "firing")], [Alert(DOWN, "firing")], []]
    labels = "job=api, severity=page"
    assert seen(*looks) == [
        Change(0.0, "TargetDown", labels, "pending"),
        Change(1.0, "TargetDown", labels, "firing"),
        Change(3.0, "TargetDown", labels, "resolved"),
    ]


def test_an_alert_that_never_fired_is_not_resolved() -> None:
    assert [change.state for change in seen([Alert(DOWN, "pending")], [])] == ["pending"]


def test_alerts_of_the_same_name_are_told_apart_by_their_labels() -> None:
    other = {**DOWN, "job": "redis"}
    looks = [Alert(DOWN, "firing"), Alert(other, "firing"), Alert(WAITS, "firing")]
    assert len(seen(looks, looks[1:])) == 4


def test_the_page_counts_from_the_cause_and_from_the_step_that_ended_it() -> None:
    record = Record(
        500.0,
        0.0,
        100.0,
        200.0,
        600.0,
        [
            Change(130.0, "NoConsumers", LABELS, "pending"),
            Change(126.0, "Other", "severity=ticket", "pending"),
            Change(145.0, "NoConsumers", LABELS, "firing"),
            Change(220.0, "NoConsumers", LABELS, "resolved"),
        ],
    )
    assert rows(record) == [Row("NoConsumers", LABELS, 30.0, 45.0, 20.0)]
    text = page([(INCIDENTS[0], record)])
    assert "| NoConsumers | severity=page | 30 | 45 | 20 |" in text
    assert "100 s after the cause" in text


def test_every_incident_is_ended_by_the_runbook_of_an_alert_that_it_makes_fire() -> None:
    known = {rule.name for rule in alert_rules()}
    assert all(incident.runbook in incident.alerts <= known for incident in INCIDENTS)
