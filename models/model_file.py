"""Writes a model file that depends on the training alone, and not on the run.

CatBoost stamps the time and random identifiers into what it writes: two in the metadata,
and one before each part of its text processing, by which trees refer to that part.
"""

import re
from pathlib import Path

from catboost import CatBoostClassifier

_METADATA = {
    "train_finish_time": "1970-01-01T00:00:00Z",
    "model_guid": "00000000-00000000-00000000-00000000",
}
"""The manifest has the true date, and identifies the file by its sha256."""

_TEXT_PART = re.compile(rb"(.{16})(?:Tokenizer|Dictionary|FeatureCalcer)V1", re.DOTALL)
"""The identifier of a part of the text processing, with the name of its format after it."""


def save(model: CatBoostClassifier, path: Path) -> None:
    """Writes the model with its stamps pinned. Predictions are those of ``model``.

    Raises catboost.CatBoostError or OSError where the file cannot be written.
    """
    metadata = model.get_metadata()
    for key, value in _METADATA.items():
        metadata[key] = value
    model.save_model(str(path))
    path.write_bytes(_with_numbered_parts(path.read_bytes()))


def _with_numbered_parts(content: bytes) -> bytes:
    """The file with each random identifier, everywhere it stands, replaced by a number."""
    for number, identifier in enumerate(_TEXT_PART.findall(content), start=1):
        content = content.replace(identifier, number.to_bytes(len(identifier), "little"))
    return content
