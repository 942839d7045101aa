"""The model card: what the model is for, what it is made of and where it fails, for a reader."""

from pathlib import Path
from textwrap import dedent

from models.evaluate import BINS, CERTAINTY
from shared.manifest import Manifest

_METRICS = {
    "log_loss": "log loss",
    "roc_auc": "ROC AUC",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
_PREDICTORS = {
    "model": "this model",
    "trust_camera": "trust the camera",
    "trust_network": "trust the network",
}


def write_card(path: Path, manifest: Manifest, model_file: str, plot_file: str) -> None:
    """Writes the card as Markdown in UTF-8; both files are named relative to it.

    Raises OSError where the card cannot be written, KeyError where the manifest lacks a metric.
    """
    sections = (
        _purpose(manifest, model_file),
        _training_data(manifest),
        _features(manifest),
        _quality(manifest, plot_file),
        _LIMITS,
        _rebuilding(manifest, model_file),
    )
    path.write_text("\n".join(map(dedent, sections)), encoding="utf-8")


def _purpose(manifest: Manifest, model_file: str) -> str:
    return f"""\
        # Model card: {manifest.name}

        `{model_file}`, trained on {manifest.trained_at}, sha256 `{manifest.sha256}`.

        ## Intended use

        A traffic camera and a neural network have each read the same Russian licence plate,
        and the readings differ. The model, a CatBoost binary classifier, says how likely the
        network's reading should be picked (`positive`) rather than the camera's (`negative`).

        It is here so that the service runs, and can be tested and measured, as soon as it is
        installed. Before it decides anything about real cars, train on real labelled readings.
        It is no evidence for a fine or any other decision about a person.
        """


def _training_data(manifest: Manifest) -> str:
    rows = manifest.rows
    return f"""\
        ## Training data

        {sum(rows.values()):,} synthetic rows, drawn with seed {manifest.seed}:
        {rows["train"]:,} to train on, {rows["validation"]:,} to choose the number of trees,
        {rows["test"]:,} held out for the figures below.

        **No row comes from a camera or from a real car.** `models/synthesise.py` draws a plate,
        then lets a camera and a network read it, each with mistakes that depend on the make of
        the camera, the hour, dirt and distance, and on which symbols look alike. Readings that
        agree are dropped. A row is positive where the network read the plate as it was drawn.
        Names of cameras are real; how often each errs is made up.
        """


def _features(manifest: Manifest) -> str:
    named = {
        kind: ", ".join(f"`{f.name}`" for f in manifest.features if f.kind == kind)
        for kind in ("numeric", "categorical", "text")
    }
    rows = "\n".join(f"        | {kind} | {names} |" for kind, names in named.items())
    return f"""\
        ## Features

        {len(manifest.features)} features, built by `shared/features.py` from the ten fields of a
        reading. A symbol's feature is the network's lowest score for it; `foreign_sym` is always
        missing.

        | kind | names |
        | --- | --- |
{rows}
        """


def _quality(manifest: Manifest, plot_file: str) -> str:
    rows = "\n".join(
        f"        | {title} | "
        + " | ".join(f"{manifest.metrics[predictor][metric]:.4f}" for metric in _METRICS)
        + " |"
        for predictor, title in _PREDICTORS.items()
    )
    return f"""\
        ## Quality

        On the {manifest.rows["test"]:,} held-out rows, next to two obvious ways to pick without
        a model:

        | | {" | ".join(_METRICS.values())} |
        | --- |{" ---: |" * len(_METRICS)}
{rows}

        Log loss is in nats: always saying one half costs 0.6931. Lower is better for all but ROC
        AUC, where one half is chance. The calibration error is the expected one, over {BINS}
        equal-width bins. "Trust the camera" takes one minus the camera's confidence as the
        probability, "trust the network" the network's score, both as they are, kept between
        {1 - CERTAINTY:.2f} and {CERTAINTY:.2f}. The camera's confidence ranks worse than chance
        because makes of camera do not share a scale: one that never reports more than 25 is here
        the most accurate of all.

        ![Reliability on held-out rows]({plot_file})
        """


_LIMITS = """\
        ## Limits

        - The figures say how well the model knows the generator, not how well it reads roads.
        - Plates of Russia are drawn with the mix of regions of one part of the country; others
          and foreign plates are rare, and what the model says of them is little more than a guess.
        - A make or kind of camera that the generator does not know is an unseen category.
        - Rows where both readings agree were never seen: do not ask about them.
        - Both readings may be wrong. A low probability then does not mean that the camera is right.
        """


def _rebuilding(manifest: Manifest, model_file: str) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    return f"""\
        ## Rebuild it

            make train

        runs `python -m models` and writes this folder anew. The same seed and number of rows give
        the same `{model_file}`, byte for byte, under the same versions
        ({libraries}).
        The date is that of the run, or of `SOURCE_DATE_EPOCH` where it is set.
        """
