"""Small builders of test data."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from shared.rows import Row
from shared.settings import ApiSettings

AN_API_KEY = "an-api-key-of-the-tests"
CUSTOMER = Path(__file__).resolve().parents[2] / "shared" / "customer"


def a_row(**fields: Any) -> dict[str, Any]:
    """A good row; any field can be replaced. A field set to ``...`` is left out."""
    row: dict[str, Any] = {
        "regno_recognize": "А016ВК797",
        "afts_regno_ai": "А016ВК777",
        "recognition_accuracy": 15.4,
        "afts_regno_ai_score": 0.64,
        "afts_regno_ai_char_scores": [0.99, 0.98, 0.97, 0.99, 0.95, 0.96, 0.99, 0.64, 0.99],
        "afts_regno_ai_length_scores": [3e-10, 2e-8, 0.99],
        "camera_type": "Стационарная",
        "camera_class": "Астра-Трафик",
        "time_check": "2021-08-01T09:02:59",
        "direction": 0,
    }
    row.update(fields)
    return {name: value for name, value in row.items() if value is not ...}


def customer_file(name: str) -> Path:
    """A file of the customer's; skips the test where the customer's folder is absent."""
    path = CUSTOMER / name
    if not path.exists():
        pytest.skip(f"the customer's {name} is not on this machine")
    return path


def customer_csv() -> str:
    """The customer's rows as the text they came in."""
    return customer_file("test_data.csv").read_text(encoding="utf-8")


def customer_rows() -> list[dict[str, Any]]:
    """The customer's rows as JSON objects, score lists in their string form."""
    rows: list[dict[str, Any]] = []
    for line in csv.DictReader(customer_csv().splitlines()):
        row: dict[str, Any] = dict(line)
        for field in ("recognition_accuracy", "afts_regno_ai_score", "direction"):
            row[field] = json.loads(row[field])
        rows.append(row)
    return rows


def customer_answers() -> list[dict[str, float]]:
    """The answers of the customer's own function, in the order of the rows."""
    text = customer_file("expected.csv").read_text(encoding="utf-8")
    return [
        {name: float(value) for name, value in line.items()}
        for line in csv.DictReader(text.splitlines())
    ]


def a_reading(**fields: Any) -> Row:
    """A good row as the service holds it once read; any field can be replaced."""
    return Row(**a_row(**fields))


def api_settings(**fields: Any) -> ApiSettings:
    """Settings of a front door that nothing connects with."""
    return ApiSettings(
        **{
            "broker_url": "amqp://nowhere",
            "redis_url": "redis://nowhere",
            "api_keys": [AN_API_KEY],
            **fields,
        }
    )
