import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from models.__main__ import training_date
from models.card import write_card
from models.evaluate import (
    expected_calibration_error,
    measure,
    reliability,
    trust_camera,
    trust_network,
)
from models.plot import draw_reliability
from models.synthesise import LabelledReading, synthesise
from shared.manifest import Manifest, ManifestFeature


def a_reading(accuracy: float | None = 80.0, score: float = 0.7) -> LabelledReading:
    [reading] = synthesise(seed=1, rows=1)
    return reading._replace(recognition_accuracy=accuracy, afts_regno_ai_score=score)


def a_manifest() -> Manifest:
    metrics = {"log_loss": 0.25, "roc_auc": 0.75, "brier": 0.125, "calibration_error": 0.0625}
    return Manifest(
        name="regno",
        sha256="ab" * 32,
        features=[ManifestFeature("direction", "numeric"), ManifestFeature("month", "categorical")],
        trained_at="2024-02-29",
        seed=5,
        rows={"train": 7000, "validation": 1500, "test": 1500},
        metrics={"model": metrics, "trust_camera": metrics, "trust_network": metrics},
        libraries={"catboost": "1.2"},
    )


def test_predictions_fall_into_equal_bins_and_empty_bins_are_left_out() -> None:
    bins = reliability([0, 1, 1, 1], np.array([0.0, 0.06, 0.5, 1.0]))
    assert bins.rows.tolist() == [2, 1, 1]
    assert bins.predicted.tolist() == pytest.approx([0.03, 0.5, 1.0])
    assert bins.observed.tolist() == [0.5, 1.0, 1.0]


def test_calibration_error_is_the_mean_distance_of_bins_weighted_by_rows() -> None:
    predicted = np.array([0.25, 0.25, 0.25, 0.25, 0.9])
    assert expected_calibration_error([1, 0, 0, 0, 1], predicted) == pytest.approx(0.1 / 5)


def test_always_saying_one_half_costs_the_logarithm_of_two() -> None:
    metrics = measure([0, 1], np.array([0.5, 0.5]))
    assert metrics["log_loss"] == pytest.approx(math.log(2))
    assert metrics["brier"] == pytest.approx(0.25)
    assert metrics["roc_auc"] == pytest.approx(0.5)


def test_trusting_the_camera_doubts_the_network_as_much() -> None:
    readings = [a_reading(accuracy=80.0), a_reading(accuracy=100.0), a_reading(accuracy=None)]
    assert trust_camera(readings).tolist() == pytest.approx([0.2, 0.01, 0.5])


def test_trusting_the_network_takes_its_score() -> None:
    readings = [a_reading(score=0.7), a_reading(score=1.0)]
    assert trust_network(readings).tolist() == pytest.approx([0.7, 0.99])


def test_equal_figures_give_equal_plots(tmp_path: Path) -> None:
    bins = reliability([0, 1, 1], np.array([0.1, 0.5, 0.9]))
    pictures = []
    for name in ("one.png", "two.png"):
        draw_reliability(tmp_path / name, bins)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")


def test_the_card_says_what_the_manifest_says(tmp_path: Path) -> None:
    write_card(tmp_path / "card.md", a_manifest(), "regno.cbm", "plot.png")
    lines = (tmp_path / "card.md").read_text(encoding="utf-8").splitlines()
    text = "\n".join(lines)
    assert lines[0] == "# Model card: regno"
    assert "| this model | 0.2500 | 0.7500 | 0.1250 | 0.0625 |" in lines
    assert "| categorical | `month` |" in lines
    assert "10,000 synthetic rows, drawn with seed 5:" in lines
    assert "![Reliability on held-out rows](plot.png)" in lines
    assert "2024-02-29" in text
    assert "No row comes from a camera" in text
    assert "make train" in text


def test_the_training_date_can_be_pinned() -> None:
    assert training_date({"SOURCE_DATE_EPOCH": "1709164800"}) == date(2024, 2, 29)


def test_a_training_date_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        training_date({"SOURCE_DATE_EPOCH": "yesterday"})
