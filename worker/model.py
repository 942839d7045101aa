"""The model in memory: loaded once, checked against what the service can feed it, warmed up."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from catboost import CatBoostClassifier, CatBoostError, Pool

from shared.errors import ModelMismatch, PredictionFailed
from shared.features import FEATURES, FeatureKind, FeatureRow, Reading, feature_rows, in_order
from shared.manifest import Manifest, ManifestFeature, file_sha256, manifest_path, read_manifest
from shared.results import Prediction
from shared.rows import Row

_logger = logging.getLogger(__name__)

_WARM_UP_ROW = Row("", "", None, None, [], [], "", "", "2000-01-01T00:00:00", None)
_WARM_UP_SIZES = (1, 100)
"""One row and many take different paths inside CatBoost."""


class Model:
    """A CatBoost classifier that takes readings and gives both class probabilities."""

    def __init__(self, classifier: CatBoostClassifier, version: str, created_at: float) -> None:
        """``classifier`` must pass ``check_features``; ``load_model`` is the way to get one.

        ``created_at`` is Unix time in seconds.
        """
        self.version = version
        self.created_at = created_at
        self._classifier = classifier
        self._in_model_order = in_order(classifier.feature_names_)
        self._categorical = classifier.get_cat_feature_indices()
        self._text = classifier.get_text_feature_indices()

    def predict(self, readings: Sequence[Reading]) -> list[Prediction]:
        """One prediction a reading, in order. The answer does not depend on the batch.

        Raises PredictionFailed where CatBoost refuses the features.
        """
        return self.score(feature_rows(readings))

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        """The same for readings whose features are built."""
        features = [self._in_model_order(row) for row in rows]
        try:
            # Given the list itself, CatBoost would first copy it into an array to see its shape:
            # a quarter of the whole time. One thread is the fastest for batches of this size.
            pool = Pool(
                features,
                cat_features=self._categorical,
                text_features=self._text,
                thread_count=1,
            )
            probabilities = self._classifier.predict_proba(pool, thread_count=1)
        except Exception as error:
            # Whatever it is: one row must not take its batch and the worker with it.
            raise PredictionFailed(f"The model could not predict: {error}") from error
        return [Prediction(*pair) for pair in probabilities.tolist()]


def load_model(path: Path) -> Model:
    """The model of a ``.cbm`` file, ready to serve. Its version is the file's short sha256.

    Raises ModelMismatch where the file is missing, is no CatBoost classifier, is not the one
    its manifest describes, or asks for features this service does not build.
    """
    try:
        digest = file_sha256(path)
        classifier = CatBoostClassifier()
        classifier.load_model(str(path))
    except (OSError, CatBoostError) as error:
        raise ModelMismatch(f"Cannot load the model {path}: {error}") from error
    features = model_features(classifier)
    check_features(features)
    _check_classes(classifier)
    manifest = _checked_manifest(path, digest, features)
    model = Model(classifier, digest[:12], _created_at(path, manifest))
    for size in _WARM_UP_SIZES:
        model.predict([_WARM_UP_ROW] * size)
    _logger.info("model %s loaded from %s and warmed up", model.version, path)
    return model


def model_features(classifier: CatBoostClassifier) -> list[ManifestFeature]:
    """The features a model asks for, in its order, each with the kind it takes it for."""
    categorical = set(classifier.get_cat_feature_indices())
    text = set(classifier.get_text_feature_indices())

    def kind(index: int) -> FeatureKind:
        if index in text:
            return "text"
        return "categorical" if index in categorical else "numeric"

    names = classifier.feature_names_ or []
    return [ManifestFeature(name, kind(index)) for index, name in enumerate(names)]


def check_features(features: Sequence[ManifestFeature]) -> None:
    """Raises ModelMismatch, naming every feature the service does not build in that kind."""
    problems = [
        f"{feature.name!r} ({feature.kind}; the service has "
        + (f"it as {FEATURES[feature.name]})" if feature.name in FEATURES else "no such feature)")
        for feature in features
        if FEATURES.get(feature.name) != feature.kind
    ]
    if problems or not features:
        raise ModelMismatch(f"The model asks for unknown features: {', '.join(problems) or 'none'}")


def _check_classes(classifier: CatBoostClassifier) -> None:
    classes = [str(label) for label in classifier.classes_]
    if len(classes) != 2:  # noqa: PLR2004 - negative and positive
        found = ", ".join(classes) or "none"
        raise ModelMismatch(f"A model of two classes is needed; this one has: {found}")


def _checked_manifest(path: Path, digest: str, features: list[ManifestFeature]) -> Manifest | None:
    beside = manifest_path(path)
    if not beside.exists():
        _logger.warning("model %s has no manifest beside it: its digest is not checked", path)
        return None
    try:
        manifest = read_manifest(beside)
    except (OSError, ValueError) as error:
        raise ModelMismatch(f"Cannot read the manifest {beside}: {error}") from error
    if manifest.sha256 != digest:
        raise ModelMismatch(f"{path} has sha256 {digest}, its manifest says {manifest.sha256}")
    if manifest.features != features:
        raise ModelMismatch(f"{path} has other features, or in another order, than its manifest")
    return manifest


def _created_at(path: Path, manifest: Manifest | None) -> float:
    """Unix time of the training, or of the file where no manifest tells it."""
    try:
        trained = datetime.fromisoformat(manifest.trained_at if manifest else "")
    except ValueError:
        return path.stat().st_mtime
    return (trained if trained.tzinfo else trained.replace(tzinfo=UTC)).timestamp()
