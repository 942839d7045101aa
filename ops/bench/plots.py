"""The pictures: latency against offered load, and CPU per request by part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # no screen is needed

from matplotlib import pyplot as plt

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's: told apart by every kind of colour vision. https://jfly.uni-koeln.de/color/"""

_MARKERS = "osD^vP"
_HATCHES = ("", "//", "..", "xx", "\\\\", "++")
_ONE_LINE = 4
"""So many labels fit on one line."""

_SIZE, _DPI = (10, 4.5), 130


def plot_latency(curve: Mapping[str, Any], abouts: Mapping[str, str], path: Path) -> None:
    """``curve`` is what the curve scenario found: system to offered rate to figures."""
    figure, panels = plt.subplots(1, 2, figsize=_SIZE, sharex=True, sharey=True)
    for axes, percentile in zip(panels, ("p50", "p99"), strict=True):
        for (name, points), colour, marker in zip(curve.items(), _COLOURS, _MARKERS, strict=False):
            rates = [float(rate) for rate in points]
            latencies = [point["latency_ms"][percentile] for point in points.values()]
            axes.plot(rates, latencies, color=colour, marker=marker, label=abouts[name])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title(f"{percentile} of latency")
        axes.set_xlabel("offered load, requests a second")
        axes.set_ylabel("latency from the due moment, ms")
        axes.grid(visible=True, which="both", alpha=0.25)
    _save(figure, panels[0], path)


def plot_cpu(throughput: Mapping[str, Any], abouts: Mapping[str, str], path: Path) -> None:
    """``throughput`` is what that scenario found: system to connections to figures."""
    names = [name for name in throughput if name in abouts]
    last = {name: list(throughput[name].values())[-1] for name in names}
    parts = list(last["regno"]["cpu_ms_per_request"])
    figure, axes = plt.subplots(figsize=_SIZE)
    left = [0.0] * len(names)
    for part, colour, hatch in zip(parts, _COLOURS, _HATCHES, strict=False):
        widths = [last[name]["cpu_ms_per_request"].get(part, 0.0) for name in names]
        axes.barh(
            [abouts[name] for name in names],
            widths,
            left=left,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=part,
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for at, total in enumerate(left):
        axes.text(total, at, f" {total:.2f}", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("CPU per request, ms: user and system time of every process of the system")
    axes.set_title(f"CPU by part, {list(throughput['regno'])[-1]} connections, single rows")
    _save(figure, axes, path)


def _save(figure: Any, labelled: Any, path: Path) -> None:
    handles, labels = labelled.get_legend_handles_labels()
    rows = 1 if len(labels) <= _ONE_LINE else 2
    columns = -(-len(labels) // rows)
    figure.legend(handles, labels, loc="lower center", ncols=columns, frameon=False)
    figure.tight_layout(rect=(0, 0.02 + 0.06 * rows, 1, 1))
    figure.savefig(path, dpi=_DPI)
    plt.close(figure)
