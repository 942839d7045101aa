"""The requests of a run, as bytes made beforehand."""

import csv
import json
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Mode = Literal["sync", "async"]

PATHS: dict[Mode, str] = {"sync": "/v1/predict", "async": "/v1/tasks"}
_NUMBERS = ("recognition_accuracy", "afts_regno_ai_score", "direction")


def rows_from_csv(path: Path) -> list[dict[str, Any]]:
    """Rows of a CSV with the service's header row, in UTF-8.

    Raises OSError, and ValueError for a bad number, another charset or a file without rows.
    """
    with path.open(encoding="utf-8-sig", newline="") as lines:
        try:
            rows = [
                {
                    name: (json.loads(text) if text else None) if name in _NUMBERS else text
                    for name, text in line.items()
                }
                for line in csv.DictReader(lines)
            ]
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not in UTF-8: convert it first ({error})") from error
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows


def synthesised_rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Rows like those that the shipped model was trained on."""
    from models.synthesise import synthesise  # noqa: PLC0415 - only a run without a CSV needs it

    return [
        {
            "regno_recognize": r.regno_recognize,
            "afts_regno_ai": r.afts_regno_ai,
            "recognition_accuracy": r.recognition_accuracy,
            "afts_regno_ai_score": r.afts_regno_ai_score,
            "afts_regno_ai_char_scores": list(r.char_scores),
            "afts_regno_ai_length_scores": list(r.length_scores),
            "camera_type": r.camera_type,
            "camera_class": r.camera_class,
            "time_check": r.time_check,
            "direction": r.direction,
        }
        for r in synthesise(seed, count)
    ]


def bodies(rows: Sequence[dict[str, Any]], per_request: int) -> list[bytes]:
    """One JSON body a request: an object, or arrays of ``per_request`` rows."""
    if per_request == 1:
        return [_encode(row) for row in rows]
    endless = cycle(rows)
    return [_encode(list(islice(endless, per_request))) for _ in rows]


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def requests(url: str, path: str, key: str, contents: Iterable[bytes]) -> list[bytes]:
    """Whole HTTP requests, ready to be written to a connection."""
    host = urlsplit(url).netloc
    return [
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nx-api-key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
        for body in contents
    ]


def get_request(url: str, path: str, key: str) -> bytes:
    """A whole GET request."""
    host = urlsplit(url).netloc
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nx-api-key: {key}\r\n\r\n".encode()
