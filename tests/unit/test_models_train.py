import itertools
from pathlib import Path

import pytest
from catboost import CatBoostClassifier

from models.evaluate import predict
from models.model_file import save
from models.synthesise import synthesise
from models.train import Parts, labels_of, split, train
from shared.features import FEATURES
from shared.manifest import file_sha256


@pytest.fixture(scope="module")
def parts() -> Parts:
    return split(list(synthesise(seed=3, rows=600)))


@pytest.fixture(scope="module")
def model_path(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_and_save(parts, tmp_path_factory.mktemp("model") / "small.cbm", seed=3)


def train_and_save(parts: Parts, path: Path, seed: int) -> Path:
    save(train(parts, seed, on_tree=lambda: None), path)
    return path


def test_a_split_keeps_every_row_once_and_in_order() -> None:
    readings = list(synthesise(seed=3, rows=101))
    parts = split(readings)
    assert list(itertools.chain(*parts)) == readings
    assert [len(part) for part in parts] == [71, 15, 15]


def test_labels_are_one_where_the_network_was_right(parts: Parts) -> None:
    assert labels_of(parts.test) == [1 if r.network_right else 0 for r in parts.test]


def test_the_same_rows_and_seed_give_the_same_file(
    parts: Parts, model_path: Path, tmp_path: Path
) -> None:
    again = train_and_save(parts, tmp_path / "again.cbm", seed=3)
    assert file_sha256(again) == file_sha256(model_path)


def test_another_seed_gives_another_file(parts: Parts, model_path: Path, tmp_path: Path) -> None:
    other = train_and_save(parts, tmp_path / "other.cbm", seed=4)
    assert file_sha256(other) != file_sha256(model_path)


def test_a_model_asks_for_the_features_of_the_contract_with_their_kinds(
    model_path: Path,
) -> None:
    model = CatBoostClassifier().load_model(str(model_path))
    names = model.feature_names_
    assert len(names) == 41
    assert names == list(FEATURES)
    kinds = dict.fromkeys(names, "numeric")
    kinds |= {names[i]: "categorical" for i in model.get_cat_feature_indices()}
    kinds |= {names[i]: "text" for i in model.get_text_feature_indices()}
    assert kinds == FEATURES


def test_a_saved_model_predicts_what_the_trained_one_did(parts: Parts, tmp_path: Path) -> None:
    model = train(parts, seed=3, on_tree=lambda: None)
    before = predict(model, parts.test)
    save(model, tmp_path / "small.cbm")
    loaded = CatBoostClassifier().load_model(str(tmp_path / "small.cbm"))
    assert predict(loaded, parts.test).tolist() == before.tolist()


def test_each_tree_is_reported(parts: Parts) -> None:
    ticks = itertools.count()
    model = train(parts, seed=3, on_tree=lambda: next(ticks))
    assert next(ticks) >= model.tree_count_ > 0
