"""Trains the CatBoost classifier. The same rows and seed give the same model."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import NamedTuple

from catboost import CatBoostClassifier, Pool

from models.synthesise import LabelledReading
from shared.features import FEATURES, FeatureKind, Reading, feature_rows

TREES = 300
"""Most trees a model may have; early stopping may end sooner."""

TRAIN_SHARE, VALIDATION_SHARE = 0.7, 0.15

_BIGRAMS: dict[str, object] = {
    "tokenizers": [{"tokenizer_id": "Space", "delimiter": " "}],
    "dictionaries": [{"dictionary_id": "BiGram", "gram_order": "2", "occurrence_lower_bound": "5"}],
    "feature_processing": {
        "default": [
            {
                "tokenizers_names": ["Space"],
                "dictionaries_names": ["BiGram"],
                "feature_calcers": ["BoW"],
            }
        ]
    },
}
"""Text becomes the set of its pairs of neighbouring symbols.

One calcer a text feature, and no more: CatBoost puts several in the order of their random
identifiers, and the same training would give different files.
"""

_PARAMETERS: dict[str, object] = {
    "loss_function": "Logloss",
    "iterations": TREES,
    "learning_rate": 0.3,
    "depth": 4,
    "l2_leaf_reg": 6,
    "text_processing": _BIGRAMS,
    "max_ctr_complexity": 1,  # combinations of categories would outgrow the file
    "od_type": "Iter",
    "od_wait": 30,
    "use_best_model": True,
    "thread_count": 2,  # sums depend on how rows are shared out, so not on the machine's cores
    "allow_writing_files": False,
    "logging_level": "Silent",
}


class Parts(NamedTuple):
    """Rows by what they are for."""

    train: Sequence[LabelledReading]
    validation: Sequence[LabelledReading]
    """Says when to stop adding trees."""
    test: Sequence[LabelledReading]
    """Measured once, never trained on."""


def split(readings: Sequence[LabelledReading]) -> Parts:
    """70 % train, 15 % validation, 15 % test, in the order given.

    Synthetic rows are independent of one another, so there is nothing to shuffle.
    """
    first = round(len(readings) * TRAIN_SHARE)
    second = round(len(readings) * (TRAIN_SHARE + VALIDATION_SHARE))
    return Parts(readings[:first], readings[first:second], readings[second:])


def to_pool(readings: Sequence[Reading], labels: Sequence[int] | None = None) -> Pool:
    """The readings as CatBoost takes them, features in the order of ``FEATURES``.

    Raises ValueError where a ``time_check`` is not a date and time.
    """
    return Pool(
        feature_rows(readings),
        labels,
        feature_names=list(FEATURES),
        cat_features=_names("categorical"),
        text_features=_names("text"),
    )


def _names(kind: FeatureKind) -> list[str]:
    return [name for name, its_kind in FEATURES.items() if its_kind == kind]


def labels_of(readings: Sequence[LabelledReading]) -> list[int]:
    """1 where the network was right, else 0."""
    return [int(reading.network_right) for reading in readings]


def train(parts: Parts, seed: int, on_tree: Callable[[], object]) -> CatBoostClassifier:
    """A model fitted to ``parts.train``, cut at the tree where ``parts.validation`` is best.

    ``on_tree`` is called after each tree. Raises catboost.CatBoostError where the labels
    of a part are all the same.
    """

    def after_iteration(_: SimpleNamespace) -> bool:
        on_tree()
        return True

    model = CatBoostClassifier(random_seed=seed, **_PARAMETERS)
    model.fit(
        to_pool(parts.train, labels_of(parts.train)),
        eval_set=to_pool(parts.validation, labels_of(parts.validation)),
        callbacks=[SimpleNamespace(after_iteration=after_iteration)],
    )
    return model
