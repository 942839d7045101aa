"""Labelled readings as a table and as CSV: the ten fields of a request, then the label."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from models.synthesise import LabelledReading

LABEL = "label"
"""Column of the label: 1 where the network was right, else 0."""


def to_frame(readings: Sequence[LabelledReading]) -> pd.DataFrame:
    """One row a reading; score lists become text such as ``"[0.99, 0.98]"``."""
    return pd.DataFrame([_record(reading) for reading in readings])


def write_csv(path: Path, readings: Sequence[LabelledReading]) -> None:
    """Writes UTF-8 with a header; numbers at full precision, a missing one empty.

    Raises OSError where the file cannot be written.
    """
    to_frame(readings).to_csv(path, index=False)


def read_csv(path: Path) -> list[LabelledReading]:
    """The readings that ``write_csv`` wrote, equal to the last bit.

    Raises OSError where the file cannot be read, KeyError for a column that is not there,
    ValueError for a number or a score list that is none.
    """
    # All as text: pandas would make a number of a plate of digits, and round the scores.
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    return [_reading(record) for record in frame.to_dict("records")]


def _record(reading: LabelledReading) -> dict[str, object]:
    return {
        "regno_recognize": reading.regno_recognize,
        "afts_regno_ai": reading.afts_regno_ai,
        "recognition_accuracy": reading.recognition_accuracy,
        "afts_regno_ai_score": reading.afts_regno_ai_score,
        "afts_regno_ai_char_scores": json.dumps(reading.char_scores),
        "afts_regno_ai_length_scores": json.dumps(reading.length_scores),
        "camera_type": reading.camera_type,
        "camera_class": reading.camera_class,
        "time_check": reading.time_check,
        "direction": reading.direction,
        LABEL: int(reading.network_right),
    }


def _reading(record: dict[Any, str]) -> LabelledReading:
    accuracy = record["recognition_accuracy"]
    return LabelledReading(
        regno_recognize=record["regno_recognize"],
        afts_regno_ai=record["afts_regno_ai"],
        recognition_accuracy=float(accuracy) if accuracy else None,
        afts_regno_ai_score=float(record["afts_regno_ai_score"]),
        char_scores=tuple(json.loads(record["afts_regno_ai_char_scores"])),
        length_scores=tuple(json.loads(record["afts_regno_ai_length_scores"])),
        camera_type=record["camera_type"],
        camera_class=record["camera_class"],
        time_check=record["time_check"],
        direction=int(record["direction"]),
        network_right=bool(int(record[LABEL])),
    )
