"""``python -m ops.grafana``: writes the dashboards that Grafana reads."""

from pathlib import Path

from ops.grafana.catalogue import DASHBOARDS
from ops.grafana.json_model import to_json

FOLDER = Path(__file__).parent / "dashboards"


def main() -> None:
    """Writes one file for each dashboard."""
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.uid}.json").write_text(to_json(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
