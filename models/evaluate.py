"""How good predictions are, on rows the training never saw, against two obvious ways to pick."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from catboost import CatBoostClassifier
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from models.synthesise import LabelledReading
from models.train import labels_of, to_pool
from shared.features import Reading

BINS = 15
"""Equal-width bins of probability in which calibration is measured."""

CERTAINTY = 0.99
"""Baselines go no further than this from 0 and 1, or one mistake would decide their log loss."""

Floats: TypeAlias = NDArray[np.float64]


class Reliability(NamedTuple):
    """Predictions by bin of probability, empty bins left out; arrays of one length."""

    rows: NDArray[np.int64]
    """Number of rows in the bin, never 0."""
    predicted: Floats
    """Mean predicted probability of the bin."""
    observed: Floats
    """Share of the bin's rows where the network was right."""


def predict(model: CatBoostClassifier, readings: Sequence[Reading]) -> Floats:
    """The probability, one a reading, that the network's reading should be picked."""
    probabilities: Floats = model.predict_proba(to_pool(readings))[:, 1]
    return probabilities


def trust_camera(readings: Sequence[Reading]) -> Floats:
    """One minus the camera's own confidence; a half where it gave none."""
    accuracy = [r.recognition_accuracy for r in readings]
    doubt = [0.5 if percent is None else 1 - percent / 100 for percent in accuracy]
    return _not_certain(doubt)


def trust_network(readings: Sequence[Reading]) -> Floats:
    """The network's own score; a half where it gave none."""
    scores = [r.afts_regno_ai_score for r in readings]
    confidence = [0.5 if score is None else score for score in scores]
    return _not_certain(confidence)


def _not_certain(probabilities: Sequence[float]) -> Floats:
    clipped: Floats = np.clip(np.array(probabilities), 1 - CERTAINTY, CERTAINTY)
    return clipped


def reliability(labels: Sequence[int], predicted: Floats) -> Reliability:
    """Predictions of shape (n,) against their labels, in ``BINS`` equal-width bins over 0..1."""
    which = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    filled = count > 0
    sum_predicted = np.bincount(which, weights=predicted, minlength=BINS)
    sum_observed = np.bincount(which, weights=np.asarray(labels), minlength=BINS)
    return Reliability(
        count[filled],
        sum_predicted[filled] / count[filled],
        sum_observed[filled] / count[filled],
    )


def expected_calibration_error(labels: Sequence[int], predicted: Floats) -> float:
    """Mean distance of confidence from truth over 15 equal-width bins, weighted by their rows.

    0 is perfect, 1 the worst. Guo et al., "On Calibration of Modern Neural Networks",
    ICML 2017, equation 3, with the probability of the positive class as confidence.
    """
    bins = reliability(labels, predicted)
    return float(np.average(np.abs(bins.predicted - bins.observed), weights=bins.rows))


def measure(labels: Sequence[int], predicted: Floats) -> dict[str, float]:
    """Log loss (nats), area under the ROC curve, Brier score, expected calibration error.

    Raises ValueError where ``labels`` and ``predicted`` differ in length.
    """
    return {
        "log_loss": float(log_loss(labels, predicted)),
        "roc_auc": float(roc_auc_score(labels, predicted)),
        "brier": float(brier_score_loss(labels, predicted)),
        "calibration_error": expected_calibration_error(labels, predicted),
    }


def evaluate(
    model: CatBoostClassifier, readings: Sequence[LabelledReading]
) -> dict[str, dict[str, float]]:
    """The metrics of the model and of both baselines, by the names a manifest gives them."""
    labels = labels_of(readings)
    return {
        "model": measure(labels, predict(model, readings)),
        "trust_camera": measure(labels, trust_camera(readings)),
        "trust_network": measure(labels, trust_network(readings)),
    }
