"""``python -m models``: draws rows, trains, measures, and writes the folder that is shipped."""

import os
import platform
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import catboost
from tqdm import tqdm

from models.card import write_card
from models.evaluate import evaluate, predict, reliability
from models.model_file import save
from models.plot import draw_reliability
from models.synthesise import synthesise
from models.train import TREES, Parts, labels_of, split, train
from shared.features import FEATURES
from shared.manifest import (
    Manifest,
    ManifestFeature,
    file_sha256,
    manifest_path,
    write_manifest,
)

SHIPPED = Path(__file__).parent / "shipped"
MODEL_FILE = "regno.cbm"
CARD_FILE = "MODEL_CARD.md"
PLOT_FILE = "reliability.png"


def main() -> None:
    """Reads the command line and ``SOURCE_DATE_EPOCH``, then builds."""
    parser = ArgumentParser(
        "python -m models", description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same model file")
    parser.add_argument("--rows", type=int, default=20_000, help="rows to draw, in all")
    parser.add_argument("--output", type=Path, default=SHIPPED, help="folder to write")
    arguments = parser.parse_args()
    build(arguments.seed, arguments.rows, arguments.output, training_date(os.environ))


def training_date(environment: Mapping[str, str]) -> date:
    """Today in UTC, or the day of ``SOURCE_DATE_EPOCH`` (reproducible-builds.org).

    Raises ValueError where that is not a whole number of seconds.
    """
    epoch = environment.get("SOURCE_DATE_EPOCH")
    moment = datetime.now(UTC) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)
    return moment.date()


def libraries() -> dict[str, str]:
    """The versions on which the bytes of the model file depend."""
    return {
        "catboost": catboost.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def build(seed: int, rows: int, output: Path, trained_on: date) -> None:
    """Writes the model, its manifest, its card and its reliability plot into ``output``.

    Raises OSError or catboost.CatBoostError where a file cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    model_path = output / MODEL_FILE
    readings = list(tqdm(synthesise(seed, rows), total=rows, desc="draw rows"))
    parts = split(readings)
    with tqdm(total=TREES, desc="grow trees") as bar:
        model = train(parts, seed, on_tree=bar.update)
    save(model, model_path)
    manifest = Manifest(
        name=model_path.stem,
        sha256=file_sha256(model_path),
        features=[ManifestFeature(name, kind) for name, kind in FEATURES.items()],
        trained_at=trained_on.isoformat(),
        seed=seed,
        rows=_sizes(parts),
        metrics=evaluate(model, parts.test),
        libraries=libraries(),
    )
    write_manifest(manifest_path(model_path), manifest)
    write_card(output / CARD_FILE, manifest, MODEL_FILE, PLOT_FILE)
    bins = reliability(labels_of(parts.test), predict(model, parts.test))
    draw_reliability(output / PLOT_FILE, bins)


def _sizes(parts: Parts) -> dict[str, int]:
    return {name: len(part) for name, part in parts._asdict().items()}


if __name__ == "__main__":
    main()
