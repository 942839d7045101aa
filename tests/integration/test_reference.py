"""Rows the customer's data do not have get the reference's answers, to the last bit."""

import csv
import io
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from tests.builders import a_row, customer_file
from tests.reference import CATEGORIES, Reference, category, features
from tests.stack import SHIPPED_MODEL, Client

Row = dict[str, Any]

PLATES = {
    "private car": ["А016ВК77", "Я999ЯЯ999"],
    " lk_taxi_r_pricep": ["ВК01677", "ВК016777"],
    "lk_pricep_r_transit": ["ВК0167777"],
    "lk_moto_tract": ["0167ВК77", "0167ВК777"],
    "some": ["А0167ВК"],
    "lk_transit": ["ВК016А77", "ВК016А777"],
    "lk_export": ["TВК01677", "ТВК016777"],
    "lk_mvd_avto": ["А016777", "А0167777"],
    "lk_mvd_moto": ["0167А77", "0167А777"],
    "lk_mvd_pricep": ["016А77", "016А777", "016Т777"],
    "lk_diplomat": [
        "016CD777", "016СD7777", "016D77777", "016T777777", "016Т7777", "016Т777777",
    ],
    "unknown": [
        "", "А", "А016ВК7", "А016ВК7777", "A016BK77", "а016вк77", "Ё016ВК77", "А016ВК77\n",
        "А016ВК77 ", " А016ВК77", "016TТ777", "ВК01677777", "А016ВК7\x00", "\x00", "\n", "\r\n",
        "🚗016ВК77", "👩\u200d👩\u200d👧🇷🇺", "А 016 ВК 77", "'А016ВК77'", '"А016ВК77"',
        "А016,ВК;77\t|\\", "null", "nan", "А" * 32, "0" * 32, "🚗" * 32, "D" * 32, "٠١٢АВ", "é",
        "\u200bА016ВК77", "\ufeffА016ВК77",
    ],
}  # fmt: skip

SCORES: list[Any] = [
    [], "[]", " [ ] ", [0.5], "[0.5]", "[0.5,0.25]", [0.9] * 64, "[1e-3, 2E-1]", [0, 1, 2], "[1]",
    [-0.5, -2], [1.5, 7], [1e308, -1e308], [5e-324, -0.0], [0.1, 0.2, 0.3, 0.05, 0.4] * 3,
    [1 / 3, 2 / 3], [0.0], "[0]",
]  # fmt: skip

NUMBERS: list[Any] = [
    None, 0, 1, 15, 100, -1, 0.0, -0.0, 0.1 + 0.2, 1e308, -1e308, 5e-324, 2**63, 10**30, 1.7e38,
    3.5e38, 99.99999999999999,
]  # fmt: skip

DIRECTIONS: list[Any] = [
    None, 0, 1, 2, -1, 7, 2**24 + 1, 2**53 + 1, 2**63 - 1, -(2**63),
]  # fmt: skip

TIMES = [
    "2021-08-01T00:02:59", "2021-08-01 23:59:59", "2021-08-01T09:02", "2021-08-01 09:02",
    "2021-08-01T23:30:00Z", "2021-08-01T23:30:00+03:00", "2021-08-01T00:30:00-11:30",
    "2021-08-01T00:30:00+0300", "2021-08-01T00:30:00+03", "2021-08-01T09:02Z",
    "2021-08-01T09:02:59.1", "2021-08-01T09:02:59.123456", "2021-08-01 09:02:59.999999+03:00",
    "2021-08-01T09:02:59,5", "2020-02-29T12:00:00", "1970-01-01T00:00:00", "1999-12-31T23:59:59",
    "2262-04-12T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59",
]  # fmt: skip


def plate_rows() -> Iterator[Row]:
    for plates in PLATES.values():
        for plate in plates:
            yield a_row(regno_recognize=plate)
            yield a_row(afts_regno_ai=plate)
            yield a_row(regno_recognize=plate, afts_regno_ai=plate)


def score_rows() -> Iterator[Row]:
    for scores in SCORES:
        yield a_row(afts_regno_ai_char_scores=scores)
        yield a_row(afts_regno_ai_length_scores=scores)
        yield a_row(afts_regno_ai="А111АА111", afts_regno_ai_char_scores=scores)
        yield a_row(afts_regno_ai="", afts_regno_ai_char_scores=scores)
    for length in range(12):
        yield a_row(
            afts_regno_ai="В777ВВ777",
            afts_regno_ai_char_scores=[0.9 - i / 20 for i in range(length)],
        )


def number_rows() -> Iterator[Row]:
    for number in NUMBERS:
        yield a_row(recognition_accuracy=number)
        yield a_row(afts_regno_ai_score=number)
    for direction in DIRECTIONS:
        yield a_row(direction=direction)
    yield a_row(direction=None, recognition_accuracy=None, afts_regno_ai_score=None)


def time_rows() -> Iterator[Row]:
    for time in TIMES:
        yield a_row(time_check=time)
    for month in range(1, 13):
        yield a_row(time_check=f"2024-{month:02}-15T12:00:00")
    for day in range(1, 8):
        yield a_row(time_check=f"2024-07-{day:02}T12:00:00")
    for hour in range(24):
        yield a_row(time_check=f"2024-07-01T{hour:02}:00:00")


def camera_rows() -> Iterator[Row]:
    for text in (
        "",
        "Передвижная",
        "never seen",
        "NaN",
        "🚗",
        "Стационарная ",
        "\n",
        '"',
        "к" * 64,
    ):
        yield a_row(camera_type=text)
        yield a_row(camera_class=text)


def random_row(chance: random.Random) -> Row:
    def plate() -> str:
        known = chance.choice(chance.choice(list(PLATES.values())))
        if chance.random() < 0.5:
            return known
        return "".join(chance.choices("0123456789ABDTАВЕКМНОРСТУХЯЁа ", k=chance.randrange(12)))

    def scores(most: int) -> Any:
        numbers = [chance.random() ** 3 for _ in range(chance.randrange(most))]
        return json.dumps(numbers) if chance.random() < 0.5 else numbers

    def maybe(number: float) -> float | None:
        return None if chance.random() < 0.1 else number

    day = date(2015, 1, 1) + timedelta(days=chance.randrange(5000))
    clock = f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"
    return a_row(
        regno_recognize=plate(),
        afts_regno_ai=plate(),
        recognition_accuracy=maybe(chance.uniform(0, 100)),
        afts_regno_ai_score=maybe(chance.random()),
        afts_regno_ai_char_scores=scores(12),
        afts_regno_ai_length_scores=scores(5),
        camera_type=chance.choice(["Стационарная", "Передвижная", "other"]),
        camera_class=chance.choice(["Астра-Трафик", "Кордон", "Стрелка", "other"]),
        time_check=f"{day}{chance.choice('T ')}{clock}",
        direction=maybe(chance.randrange(2)),
    )


@cache
def all_rows() -> list[Row]:
    chance = random.Random(41)
    chosen = [*plate_rows(), *score_rows(), *number_rows(), *time_rows(), *camera_rows()]
    return chosen + [random_row(chance) for _ in range(200)]


class Served(NamedTuple):
    """A running service, and what the reference says about ``all_rows`` on the same model."""

    client: Client
    answers: list[dict[str, float]]


@cache
def all_features() -> list[pd.DataFrame]:
    return [features(row) for row in all_rows()]


def serve(client: Client, model: Path) -> Served:
    reference = Reference(model)
    return Served(client, [reference.predict(reading) for reading in all_features()])


@pytest.fixture(scope="module", params=["customer", "shipped"])
def served(request: pytest.FixtureRequest) -> Served:
    if request.param == "customer":
        model = customer_file("micromodel.cbm")
        return serve(request.getfixturevalue("customer_stack").client, model)
    return serve(request.getfixturevalue("stack").client, SHIPPED_MODEL)


def disagreements(served: Served, answers: list[dict[str, float]]) -> list[Any]:
    assert len(answers) == len(all_rows())
    triples = zip(all_rows(), answers, served.answers, strict=True)
    return [(row, got, wanted) for row, got, wanted in triples if got != wanted]


def test_the_plates_here_cover_every_category_of_the_contract() -> None:
    assert set(PLATES) == CATEGORIES
    for name, plates in PLATES.items():
        assert {plate: category(plate) for plate in plates} == dict.fromkeys(plates, name)


def test_the_rows_here_are_not_all_the_same_to_the_model(served: Served) -> None:
    assert len({answer["positive"] for answer in served.answers}) > len(served.answers) // 4


def test_one_by_one_the_answers_are_those_of_the_reference(served: Served) -> None:
    def ask(row: Row) -> dict[str, float]:
        answer = served.client.post("/reg/", json=row)
        assert answer.status_code == 200, (row, answer.text)
        body: dict[str, float] = answer.json()["body"]
        return body

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, all_rows()))
    assert disagreements(served, answers) == []


def test_as_an_array_the_answers_are_those_of_the_reference(served: Served) -> None:
    answer = served.client.post("/reg/", json=all_rows())
    assert answer.status_code == 200, answer.text
    assert disagreements(served, answer.json()["body"]) == []


def test_as_csv_the_answers_are_those_of_the_reference(served: Served) -> None:
    answer = served.client.post(
        "/reg/", data=as_csv(all_rows()), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 200, answer.text
    assert disagreements(served, answer.json()["body"]) == []


def as_csv(rows: list[Row]) -> bytes:
    """Texts as they are, everything else as JSON writes it, nothing for a null."""
    table = io.StringIO(newline="")
    lines = csv.writer(table, quoting=csv.QUOTE_ALL)
    lines.writerow(rows[0])
    for row in rows:
        cells = ["" if value is None else value for value in row.values()]
        lines.writerow([cell if isinstance(cell, str) else json.dumps(cell) for cell in cells])
    return table.getvalue().encode()
