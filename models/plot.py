"""The reliability plot: how often the network was right where the model said how likely it is."""

from pathlib import Path

from matplotlib.figure import Figure

from models.evaluate import BINS, Reliability


def draw_reliability(path: Path, bins: Reliability) -> None:
    """Writes a PNG: calibration above, rows per bin below.

    Raises OSError where the file cannot be written.
    """
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    curve, counts = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    curve.plot((0, 1), (0, 1), linestyle="--", color="grey", label="perfect")
    curve.plot(bins.predicted, bins.observed, marker="o", label="model")
    curve.set(ylabel="share where the network was right", title="Held-out rows")
    curve.legend()
    counts.bar(bins.predicted, bins.rows, width=0.7 / BINS)
    counts.set(xlabel="predicted probability", ylabel="rows", xlim=(0, 1))
    # The version of the plotting library would make equal pictures differ.
    figure.savefig(path, format="png", metadata={"Software": None})
