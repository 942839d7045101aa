"""``python -m ops.grafana.render``: every dashboard as a picture, from a running Prometheus."""

import argparse
import sys
import time
from pathlib import Path

from ops.grafana.catalogue import DASHBOARDS
from ops.grafana.picture import Span, draw
from ops.local.programs import ROOT
from ops.watch.prometheus import Prometheus, QueryFailed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ops.grafana.render", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:9090", help="of Prometheus")
    parser.add_argument("--minutes", type=float, default=15, help="how far back")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs/dashboards")
    return parser.parse_args()


def main() -> int:
    """Writes one PNG for each dashboard; 1 where Prometheus does not answer."""
    arguments = _arguments()
    end = time.time()
    span = Span(end - arguments.minutes * 60, end)
    try:
        for dashboard in DASHBOARDS:
            path = arguments.folder / f"{dashboard.uid}.png"
            draw(dashboard, Prometheus(arguments.url), span, path)
            sys.stdout.write(f"{path}\n")
    except QueryFailed as error:
        sys.stderr.write(f"render: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
