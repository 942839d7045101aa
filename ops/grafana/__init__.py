"""Dashboards as code: ``python -m ops.grafana`` writes what Grafana reads."""
