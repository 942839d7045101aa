"""The contract's 41 features once more: slow, one reading at a time, written from its text alone.

Nothing of the product is imported here, so a mistake cannot agree with itself. pandas builds
the table, and CatBoost predicts from it in this process.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from catboost import CatBoostClassifier

SYMBOL_FEATURES = [*"0123456789", "D", *"АВЕКМНОРСТУХ"]

# The contract's table, its spaces left in: L a Cyrillic letter, d a digit, R a region.
SHAPES = (
    ("L ddd LL R", "private car"),
    ("LL ddd R", " lk_taxi_r_pricep"),
    ("LL dddd R", "lk_pricep_r_transit"),
    ("dddd LL R", "lk_moto_tract"),
    ("L dddd LL", "some"),
    ("LL ddd L R", "lk_transit"),
    ("T LL ddd R", "lk_export"),
    ("L dddd R", "lk_mvd_avto"),
    ("dddd L R", "lk_mvd_moto"),
    ("ddd L R", "lk_mvd_pricep"),
    ("ddd N ddd", "lk_diplomat"),
    ("ddd N dddd", "lk_diplomat"),
    ("ddd N ddddd", "lk_diplomat"),
    ("ddd N dddddd", "lk_diplomat"),
)
CATEGORIES = {*(category for _, category in SHAPES), "unknown"}

DIPLOMATS = ("CD", "СD", "D", "T", "Т")


def is_one_of(shape: str, plate: str) -> bool:
    """Whether the whole plate has this shape, found by trying every way to read it."""
    if not shape:
        return not plate
    head, rest = shape[0], shape[1:]
    if head == " ":
        return is_one_of(rest, plate)
    if head == "R":
        return is_one_of("dd" + rest, plate) or is_one_of("ddd" + rest, plate)
    if head == "N":
        return any(
            plate.startswith(code) and is_one_of(rest, plate[len(code) :]) for code in DIPLOMATS
        )
    if not plate:
        return False
    fits = {
        "L": ord("А") <= ord(plate[0]) <= ord("Я"),
        "d": plate[0] in "0123456789",
        "T": plate[0] in ("T", "Т"),
    }
    return fits[head] and is_one_of(rest, plate[1:])


def category(plate: str) -> str:
    for shape, name in SHAPES:
        if is_one_of(shape, plate):
            return name
    return "unknown"


def scores(value: str | Sequence[float]) -> list[float]:
    numbers = json.loads(value) if isinstance(value, str) else value
    return [float(number) for number in numbers] or [0.0]


def lowest_by_symbol(plate: str, char_scores: Sequence[float]) -> dict[str, float]:
    pairs = min(len(plate), len(char_scores))
    read = pd.DataFrame({"symbol": list(plate[:pairs]), "score": list(char_scores[:pairs])})
    lowest = read.groupby("symbol")["score"].min()
    return {symbol: float(lowest.get(symbol, 1.0)) for symbol in SYMBOL_FEATURES}


def number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def features(row: dict[str, Any]) -> pd.DataFrame:
    """A table of one reading, a column a feature."""
    camera, network = row["regno_recognize"], row["afts_regno_ai"]
    char_scores = scores(row["afts_regno_ai_char_scores"])
    length_scores = scores(row["afts_regno_ai_length_scores"])
    as_written = pd.Timestamp(row["time_check"][:10] + " " + row["time_check"][11:16])
    values: dict[str, Any] = {
        "afts_regno_ai_score": number(row["afts_regno_ai_score"]),
        "direction": number(row["direction"]),
        "recognition_accuracy": number(row["recognition_accuracy"]),
        "max_sym_score": max(char_scores),
        "min_sym_score": min(char_scores),
        "max_len_score": max(length_scores),
        "ai_len": len(network),
        "cam_len": len(camera),
        **lowest_by_symbol(network, char_scores),
        "foreign_sym": math.nan,
        "hour": as_written.hour,
        "weekday": as_written.day_name(),
        "month": as_written.month_name(),
        "camera_type": row["camera_type"],
        "camera_class": row["camera_class"],
        "regno_template": category(camera),
        "regno_template_ai": category(network),
        "regno_recognize_text": " ".join(camera),
        "afts_regno_ai_text": " ".join(network),
    }
    return pd.DataFrame([values])


class Reference:
    """A model file and what it answers."""

    def __init__(self, model: Path) -> None:
        self._model = CatBoostClassifier()
        self._model.load_model(str(model))

    def predict(self, reading: pd.DataFrame) -> dict[str, float]:
        """The answer to what ``features`` made of one reading."""
        ((negative, positive),) = self._model.predict_proba(reading[self._model.feature_names_])
        return {"negative": float(negative), "positive": float(positive)}
