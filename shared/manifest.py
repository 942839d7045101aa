"""The manifest that travels beside a model file and says what is in it.

Training writes it, the worker checks the model against it before serving.
"""

import hashlib
from pathlib import Path

import msgspec

from shared.features import FeatureKind


class ManifestFeature(msgspec.Struct, frozen=True):
    """One feature the model asks for, in the model's order."""

    name: str
    kind: FeatureKind


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model file is, where it came from and how good it was on held-out rows."""

    name: str
    sha256: str
    """Hex digest of the model file."""
    features: list[ManifestFeature]
    trained_at: str
    """ISO 8601 date of the training run."""
    seed: int
    rows: dict[str, int]
    """Number of rows per part: ``train``, ``validation``, ``test``."""
    metrics: dict[str, dict[str, float]]
    """Predictor (``model``, ``trust_camera``, ``trust_network``) to metric name to value."""
    libraries: dict[str, str]
    """Version of every library that shaped the file."""


def manifest_path(model_path: Path) -> Path:
    """Where the manifest of a model file lies: ``regno.cbm`` has ``regno.manifest.json``."""
    return model_path.with_suffix(".manifest.json")


def file_sha256(path: Path) -> str:
    """Hex digest of a file. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Raises OSError where the file cannot be read, msgspec.DecodeError where it is no manifest."""
    return msgspec.json.decode(path.read_bytes(), type=Manifest)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Writes UTF-8 JSON with an indent of two."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
