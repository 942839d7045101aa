"""``python -m ops.docs``: writes the pages that are made from code. See ``make docs``."""

import sys
from collections.abc import Sequence

from ops.local.programs import ROOT
from shared.instruments import HistogramSpec, Spec
from shared.metrics import CATALOGUE

METRICS_PAGE = ROOT / "docs/metrics.md"

_HEAD = """\
# Metrics

Made from the catalogue in `shared/metrics.py` by `make docs`: change it there.
[Decision 14](decisions/0014-metrics.md) says what they cost and why they are counted as they are.
"""

_JOBS = {
    "api": "The front door: `/metrics` on its port, of all its processes together.",
    "worker": "Each worker: `/metrics` on `REGNO_METRICS_PORT`, 9808 in containers. `name` is "
    "always `pick_regno`, `queue_name` is `regno.sync` or `regno.async`.",
    "queues": "The queue exporter, `python -m ops.queues`: `/metrics` on port 9809. `queue_name` "
    "is `regno.sync`, `regno.async` or `regno.dead`. While RabbitMQ does not answer there is "
    "`regno_broker_up` alone, which is 0.",
}


def metrics_page() -> str:
    """The page that tells all metrics, as Markdown."""
    return "\n".join([_HEAD, *(_section(job, specs) for job, specs in CATALOGUE.items())])


def _section(job: str, specs: Sequence[Spec]) -> str:
    lines = [
        f'## job "{job}"',
        "",
        _JOBS[job],
        "",
        "| metric | kind | labels | what it tells |",
        "| --- | --- | --- | --- |",
        *(_row(spec) for spec in specs),
        "",
    ]
    return "\n".join(lines)


def _row(spec: Spec) -> str:
    labels = ", ".join(f"`{label}`" for label in spec.labels)
    text = spec.help
    if isinstance(spec, HistogramSpec):
        bounds = ", ".join(f"{bound:g}" for bound in spec.buckets)
        text += f" Buckets in {spec.unit}: {bounds}."
    return f"| `{spec.name}` | {spec.kind} | {labels} | {text} |"


def main() -> int:
    """Writes every page."""
    METRICS_PAGE.write_text(metrics_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
