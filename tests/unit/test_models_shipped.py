import os
import subprocess
import sys
from pathlib import Path

import pytest
from catboost import CatBoostClassifier

from models.__main__ import CARD_FILE, MODEL_FILE, PLOT_FILE, SHIPPED, libraries
from models.evaluate import evaluate
from models.synthesise import synthesise
from models.train import Parts, split
from shared.features import FEATURES
from shared.manifest import Manifest, file_sha256, manifest_path, read_manifest

MODEL = SHIPPED / MODEL_FILE
ROOT = SHIPPED.parent.parent


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(manifest_path(MODEL))


@pytest.fixture(scope="module")
def parts(manifest: Manifest) -> Parts:
    return split(list(synthesise(manifest.seed, sum(manifest.rows.values()))))


@pytest.fixture(scope="module")
def metrics(parts: Parts) -> dict[str, dict[str, float]]:
    return evaluate(CatBoostClassifier().load_model(str(MODEL)), parts.test)


def test_the_shipped_file_is_the_one_in_its_manifest(manifest: Manifest) -> None:
    assert file_sha256(MODEL) == manifest.sha256


def test_the_shipped_files_are_small() -> None:
    assert MODEL.stat().st_size < 2_000_000
    assert (SHIPPED / PLOT_FILE).stat().st_size < 80_000


def test_the_manifest_names_the_features_of_the_contract(manifest: Manifest) -> None:
    assert {feature.name: feature.kind for feature in manifest.features} == FEATURES
    model = CatBoostClassifier().load_model(str(MODEL))
    assert [feature.name for feature in manifest.features] == model.feature_names_


def test_the_manifest_counts_the_rows_of_each_part(manifest: Manifest, parts: Parts) -> None:
    assert manifest.rows == {name: len(part) for name, part in parts._asdict().items()}


def test_the_metrics_of_the_manifest_are_reproduced(
    manifest: Manifest, metrics: dict[str, dict[str, float]]
) -> None:
    assert metrics.keys() == manifest.metrics.keys()
    for predictor, values in metrics.items():
        assert values == pytest.approx(manifest.metrics[predictor], rel=0, abs=1e-9)


@pytest.mark.parametrize("baseline", ["trust_camera", "trust_network"])
@pytest.mark.parametrize(("metric", "sign"), [("log_loss", 1), ("brier", 1), ("roc_auc", -1)])
def test_the_model_beats_the_baseline(
    metrics: dict[str, dict[str, float]], baseline: str, metric: str, sign: int
) -> None:
    assert sign * metrics["model"][metric] < sign * metrics[baseline][metric]


def test_the_card_is_about_the_shipped_file(manifest: Manifest) -> None:
    card = (SHIPPED / CARD_FILE).read_text(encoding="utf-8")
    assert manifest.sha256 in card
    assert f"{manifest.metrics['model']['log_loss']:.4f}" in card
    assert f"({PLOT_FILE})" in card


def test_training_anew_gives_the_shipped_file(manifest: Manifest, tmp_path: Path) -> None:
    if libraries() != manifest.libraries:
        pytest.skip(f"made with {manifest.libraries}, this is {libraries()}")
    rows = sum(manifest.rows.values())
    subprocess.run(
        [
            *(sys.executable, "-m", "models", "--seed", str(manifest.seed)),
            *("--rows", str(rows), "--output", str(tmp_path)),
        ],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        check=True,
    )
    assert file_sha256(tmp_path / MODEL_FILE) == manifest.sha256
    assert read_manifest(manifest_path(tmp_path / MODEL_FILE)).trained_at == "1970-01-01"
