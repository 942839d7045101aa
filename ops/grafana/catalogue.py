"""Every dashboard there is."""

from ops.grafana.model import MODEL
from ops.grafana.overview import OVERVIEW
from ops.grafana.workers import WORKERS

DASHBOARDS = (OVERVIEW, WORKERS, MODEL)
