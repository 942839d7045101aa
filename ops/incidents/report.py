"""The page about the incidents, made from what was recorded."""

from collections.abc import Iterable
from typing import NamedTuple

from ops.incidents.catalogue import Incident
from ops.incidents.stage import Record

_HEAD = """# Staged incidents

Three things that go wrong, made to go wrong on purpose: which panel shows it, which alert fires
after how long, and that the step of the runbook ends it. Made by

    python -m ops.incidents

on one machine of two cores that runs everything: the service, its servers, what watches them, and
the load generator. Each incident has a fresh stack, whose Prometheus remembers three quiet days.

Times are in seconds: to *pending* and *firing* from the cause, to *over* from the runbook's step.
Prometheus scrapes and looks every 5 s. A burn alert looks back over five minutes, so it is over
only some minutes after its cause; the pictures show when callers were served again. Less than 0 is
*over* before the step: the service has helped itself that far.
"""


class Row(NamedTuple):
    """One alert of an incident, in seconds; None where it did not come to that."""

    alert: str
    labels: str
    pending: float | None
    firing: float
    over: float | None


def rows(record: Record) -> list[Row]:
    """The alerts that fired, the first one first."""
    times: dict[tuple[str, str, str], float] = {}
    for change in record.changes:
        times.setdefault((change.alert, change.labels, change.state), change.at)
    fired = [key for key in times if key[2] == "firing"]
    return [
        Row(
            alert,
            labels,
            _since(record.caused, times.get((alert, labels, "pending"))),
            times[alert, labels, "firing"] - record.caused,
            _since(record.cured, times.get((alert, labels, "resolved"))),
        )
        for alert, labels, _ in sorted(fired, key=times.__getitem__)
    ]


def page(records: Iterable[tuple[Incident, Record]]) -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(_section(incident, record) for incident, record in records)])


def picture_names(incident: Incident) -> list[str]:
    """The incident's pictures, beside the page."""
    return [f"incidents/{incident.name}-{uid}.png" for uid in incident.dashboards]


def _section(incident: Incident, record: Record) -> str:
    return "\n".join(
        [
            f"## {incident.title}",
            "",
            f"{incident.story} {record.rate:g} requests a second.",
            "",
            f"**Panels**: {incident.panels}",
            "",
            f"**Runbook** ([{incident.runbook}](runbooks/{incident.runbook}.md)): {incident.step}",
            f"It was taken {record.cured - record.caused:.0f} s after the cause.",
            "",
            "| alert | labels | pending | firing | over |",
            "| --- | --- | ---: | ---: | ---: |",
            *map(_line, rows(record)),
            "",
            *(f"![{incident.title}]({name})" for name in picture_names(incident)),
            "",
        ]
    )


def _line(row: Row) -> str:
    # An instance is a port of that day, and tells nothing.
    labels = ", ".join(one for one in row.labels.split(", ") if not one.startswith("instance="))
    times = " | ".join(map(_text, (row.pending, row.firing, row.over)))
    return f"| {row.alert} | {labels} | {times} |"


def _since(instant: float, at: float | None) -> float | None:
    return None if at is None else at - instant


def _text(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"
