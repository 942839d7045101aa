"""``python -m ops.incidents``: stages the incidents and writes docs/incidents.md."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ops.grafana.catalogue import DASHBOARDS
from ops.grafana.picture import Span, draw
from ops.incidents.catalogue import INCIDENTS, Incident, slow_twins
from ops.incidents.history import remember_quiet_days
from ops.incidents.report import page, picture_names
from ops.incidents.stage import Record, stage
from ops.local.programs import ROOT
from ops.local.waiting import WaitedInVain
from ops.watch.binaries import find_binaries
from ops.watch.load import load
from ops.watch.prometheus import QueryFailed
from ops.watch.stack import WatchedStack

_DOCS = ROOT / "docs"
_LONGEST_SECONDS = 1800
"""The load of one incident ends by itself, should nobody end it."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ops.incidents", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    names = [incident.name for incident in INCIDENTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


def _staged(incident: Incident, rate: float, workers: int) -> None:
    """Stages one incident on a stack of its own; writes its record and pictures.

    Raises WaitedInVain, QueryFailed.
    """
    with tempfile.TemporaryDirectory(prefix="regno-incident-") as folder:
        stack = WatchedStack(Path(folder), workers=workers, spare=slow_twins)
        remember_quiet_days(find_binaries().promtool, stack.prometheus_data, rate)
        with stack, load(stack, rate, _LONGEST_SECONDS):
            record = stage(stack, incident, rate)
            _draw(stack, incident, record)
    _record_path(incident).write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def _draw(stack: WatchedStack, incident: Incident, record: Record) -> None:
    marks = ((record.caused, "cause"), (record.cured, "runbook"))
    span = Span(record.began, record.ended, marks)
    by_uid = {dashboard.uid: dashboard for dashboard in DASHBOARDS}
    for uid, name in zip(incident.dashboards, picture_names(incident), strict=True):
        (_DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        draw(by_uid[uid], stack.prometheus, span, _DOCS / name)


def _record_path(incident: Incident) -> Path:
    return _DOCS / "incidents" / f"{incident.name}.json"


def _recorded() -> Iterator[tuple[Incident, Record]]:
    """Every incident that was ever staged, as it was the last time."""
    for incident in INCIDENTS:
        path = _record_path(incident)
        if path.exists():
            yield incident, msgspec.json.decode(path.read_bytes(), type=Record)


def main() -> int:
    """0 where every incident was seen and ended, 1 where not."""
    arguments = _arguments()
    for incident in INCIDENTS:
        if incident.name not in arguments.only:
            continue
        sys.stderr.write(f"incidents: {incident.title}\n")
        try:
            _staged(incident, arguments.rate, arguments.workers)
        except (WaitedInVain, QueryFailed) as error:
            sys.stderr.write(f"incidents: {error}\n")
            return 1
        (_DOCS / "incidents.md").write_text(page(_recorded()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
