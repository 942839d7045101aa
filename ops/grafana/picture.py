"""A dashboard as one picture, drawn from the same queries that Grafana would send."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("Agg")  # no screen is needed

from matplotlib import dates
from matplotlib import pyplot as plt

from ops.grafana.heat import heat
from ops.grafana.panels import Dashboard, Panel, Query
from ops.watch.prometheus import Prometheus, Series

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's: told apart by every kind of colour vision. https://jfly.uni-koeln.de/color/"""

_COLUMNS = 3
_PANEL_INCHES = (6.2, 3.1)
_DPI = 80
_POINTS = 240
_MOST_LEGENDS = 9
_TICKS = 4

_UNITS = {
    "reqps": "requests/s",
    "ops": "1/s",
    "s": "seconds",
    "percentunit": "share",
    "bytes": "bytes",
    "short": "",
    "none": "",
}


class Span(NamedTuple):
    """From when to when, Unix seconds, and moments in it to mark with a line and a word."""

    start: float
    end: float
    marks: Sequence[tuple[float, str]] = ()


def draw(dashboard: Dashboard, prometheus: Prometheus, span: Span, path: Path) -> None:
    """Writes a PNG. Raises QueryFailed, OSError."""
    heights = [-(-len(row.panels) // _COLUMNS) for row in dashboard.rows]
    figure = plt.figure(
        figsize=(_COLUMNS * _PANEL_INCHES[0], sum(heights) * _PANEL_INCHES[1] + 0.8),
        layout="constrained",
    )
    figure.suptitle(f"{dashboard.title}: {dashboard.about}", fontsize=15)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    for part, row, height in zip(parts[:, 0], dashboard.rows, heights, strict=True):
        part.suptitle(row.title, x=0.01, ha="left", fontweight="bold")
        places = part.subplots(height, _COLUMNS, squeeze=False).flatten()
        for at, axes in enumerate(places):
            if at < len(row.panels):
                _draw_panel(axes, row.panels[at], prometheus, span)
            else:
                axes.set_axis_off()
    figure.savefig(path, dpi=_DPI)
    plt.close(figure)


def _draw_panel(axes: Any, panel: Panel, prometheus: Prometheus, span: Span) -> None:
    axes.set_title(panel.title, fontsize=10)
    axes.set_ylabel(_UNITS[panel.unit], fontsize=8)
    axes.tick_params(labelsize=8)
    step = max(5.0, (span.end - span.start) / _POINTS)
    found = [
        (query, prometheus.over(query.expr, span.start, span.end, step)) for query in panel.queries
    ]
    if not any(series for _, series in found):
        axes.text(0.5, 0.5, _absence(panel), ha="center", va="center", transform=axes.transAxes)
    elif panel.kind == "heatmap":
        _draw_heat(axes, found[0][1])
    else:
        _draw_lines(axes, found)
        if not panel.signed:
            axes.set_ylim(bottom=0)
    axes.set_xlim(_moment(span.start), _moment(span.end))
    length = span.end - span.start
    axes.set_xticks([_moment(span.start + length * at / _TICKS) for at in range(_TICKS + 1)])
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))  # type: ignore[no-untyped-call]
    for at, word in span.marks:
        axes.axvline(_moment(at), color="#999999", linestyle=":")
        axes.annotate(
            word,
            (_moment(at), 0.98),
            xycoords=("data", "axes fraction"),
            fontsize=7,
            rotation=90,
            va="top",
            ha="right",
        )


def _draw_lines(axes: Any, found: Sequence[tuple[Query, list[Series]]]) -> None:
    lines = [(query, one) for query, series in found for one in series]
    for at, (query, one) in enumerate(lines):
        axes.plot(
            [_moment(when) for when, _ in one.points],
            [value for _, value in one.points],
            color=_COLOURS[at % len(_COLOURS)],
            linestyle=("-", "--", ":")[at // len(_COLOURS) % 3],
            label=legend(query.legend, one.labels),
        )
    axes.grid(visible=True, alpha=0.25)
    if len(lines) <= _MOST_LEGENDS:
        axes.legend(fontsize=7, loc="best", framealpha=0.6)


def _draw_heat(axes: Any, series: Sequence[Series]) -> None:
    warmth = heat(series)
    axes.pcolormesh(
        [_moment(at) for at in warmth.times],
        range(len(warmth.bounds)),
        warmth.counts,
        cmap="viridis",
        shading="nearest",
    )
    axes.set_yticks(range(len(warmth.bounds)), warmth.bounds)


def legend(text: str, labels: Mapping[str, str]) -> str:
    """A legend with its labels filled in."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), text)


def _absence(panel: Panel) -> str:
    return f"no {panel.needs} here" if panel.needs else "no data"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
