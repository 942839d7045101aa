"""What must not leave the process is taken out of texts; the rest of them stays."""

import json

import msgspec
import pytest

from shared.redact import Redactor, secrets_in, texts_in
from tests.builders import a_reading, a_row

KEY = "a-key-of-some-length"
PLATES = ("А016ВК777", "ZZ-1984-QX", 'quo"te\\d', "два слова")


def clean(text: str, sent: object = None) -> str:
    return Redactor().clean(text, texts_in(sent))


def test_keys_and_passwords_are_taken_out() -> None:
    secrets = secrets_in(
        {
            "REGNO_API_KEYS": f"{KEY}, {KEY}-2",
            "REGNO_BROKER_URL": "amqp://me:pass%2Fword-1@host//",
            "REGNO_REDIS_URL": "redis://:password-2@host:1/0",
        }
    )
    redactor = Redactor(secrets)
    for secret in (KEY, f"{KEY}-2", "pass%2Fword-1", "pass/word-1", "password-2"):
        assert redactor.clean(f"it was {secret}!") == "it was [secret]!"


def test_without_settings_there_are_no_secrets() -> None:
    assert Redactor(secrets_in({})).clean("text") == "text"
    assert Redactor(secrets_in({"REGNO_REDIS_URL": "redis://[x"})).clean("text") == "text"


def test_a_short_secret_is_not_looked_for_in_the_middle_of_words() -> None:
    assert Redactor(["rest"]).clean("the rest") == "the rest"


@pytest.mark.parametrize("plate", PLATES)
@pytest.mark.parametrize(
    "written",
    [str, repr, ascii, " ".join, lambda plate: str(KeyError(plate)), lambda p: json.dumps(p)[1:-1]],
)
def test_what_was_sent_is_taken_out_however_it_is_written(plate: str, written: object) -> None:
    assert callable(written)
    row = a_row(afts_regno_ai=plate)
    for sent in (
        [a_reading(afts_regno_ai=plate)],
        json.dumps(row).encode(),
        msgspec.json.encode(row),
    ):
        text = clean(f"bad value {written(plate)} in it", sent)
        assert plate not in text
        assert text.startswith("bad value ")
        assert text.endswith(" in it")
        assert "[sent]" in text


def test_every_field_of_a_row_is_taken_out() -> None:
    row = a_row(recognition_accuracy=15.48, afts_regno_ai_score=0.6423)
    text = clean(str(row), [a_reading(**row)])
    for value in row.values():
        if isinstance(value, str) or (isinstance(value, float) and len(str(value)) > 3):
            assert str(value) not in text
    assert "0.97" not in text


def test_the_cells_of_a_csv_body_are_taken_out_but_for_the_names_of_columns() -> None:
    body = b"afts_regno_ai,camera_type\nZZ-1984-QX,Mast\n"
    text = clean("column afts_regno_ai has ZZ-1984-QX of a Mast", body)
    assert text == "column afts_regno_ai has [sent] of a [sent]"


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b"", b"null"])
def test_a_body_that_cannot_be_read_is_no_error(body: bytes) -> None:
    assert clean("text", body) == "text"


@pytest.mark.parametrize(
    "plate", ["А016ВК777", "АВ12377", "1234АВ77", "А1234ВК", "ТАВ12377", "123CD456", "123Т4567"]
)
def test_a_plate_is_known_by_its_shape_where_nobody_knows_what_was_sent(plate: str) -> None:
    assert clean(f"odd: {plate!r}.") == "odd: '[sent]'."


@pytest.mark.parametrize(
    "text",
    [
        "20261124T030000 2026-11-24T03:00:00",
        "eaa5a716-2819-4a60-9438-ab16072b2abb 62fefef020fd",
        "Error 111 connecting to 127.0.0.1:5672.",
        "слова по-русски",
    ],
)
def test_what_is_no_plate_stays(text: str) -> None:
    assert clean(text) == text
