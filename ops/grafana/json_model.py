"""A dashboard in the JSON that Grafana reads.

https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterator
from typing import Any

from ops.grafana.panels import Dashboard, Panel

DATASOURCE = {"type": "prometheus", "uid": "regno-prometheus"}
"""As ``provisioning/datasources`` names it."""

_SCHEMA = 39
"""Of Grafana 11; newer ones convert it when they read it."""

_COLUMNS, _WIDTH, _HEIGHT = 3, 8, 8
"""Grafana's page is 24 units wide."""


def to_json(dashboard: Dashboard) -> str:
    """The same text for the same dashboard, ready for a file."""
    value = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.about,
        "tags": ["regno"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "panels": list(_panels(dashboard)),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in dashboard.rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS * _WIDTH, "h": 1}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        for at, panel in enumerate(row.panels):
            number += 1
            yield _panel(panel, number, (at % _COLUMNS) * _WIDTH, top + at // _COLUMNS * _HEIGHT)
        top += -(-len(row.panels) // _COLUMNS) * _HEIGHT


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    heatmap = panel.kind == "heatmap"
    return {
        "id": number,
        "type": "heatmap" if heatmap else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit} | ({} if heatmap or panel.signed else {"min": 0}),
            "overrides": [],
        },
        "options": {"calculate": False} if heatmap else {"tooltip": {"mode": "multi"}},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "format": "heatmap" if heatmap else "time_series",
            }
            for at, query in enumerate(panel.queries)
        ],
    }
