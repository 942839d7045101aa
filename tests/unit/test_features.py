import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features import (
    FEATURES,
    FeatureRow,
    calendar,
    feature_row,
    feature_rows,
    in_order,
    symbol_scores,
)
from shared.rows import Row
from tests.builders import a_reading


def named(row: FeatureRow) -> dict[str, Any]:
    """The features by the model's names."""
    return dict(zip(FEATURES, row, strict=True))


def lowest(plate: str, scores: list[float]) -> dict[str, float]:
    """The symbols of a plate that are not 1.0."""
    values = named(feature_row(a_reading(afts_regno_ai=plate, afts_regno_ai_char_scores=scores)))
    return {name: values[name] for name in "0123456789DАВЕКМНОРСТУХ" if values[name] != 1}


def test_there_are_41_features_of_three_kinds() -> None:
    assert len(FEATURES) == len(FeatureRow._fields) == 41
    assert Counter(FEATURES.values()) == {"numeric": 33, "categorical": 6, "text": 2}


def test_the_symbols_are_the_digits_latin_d_and_twelve_cyrillic_letters() -> None:
    single = [name for name in FEATURES if len(name) == 1]
    assert single == [*"0123456789", "\x44", *"АВЕКМНОРСТУХ"]
    assert all("а" <= name.lower() <= "я" for name in single[11:])


def test_a_reading_has_the_features_of_the_contract() -> None:
    reading = a_reading(
        regno_recognize="А016ВК797",
        afts_regno_ai="А016ВК77",
        recognition_accuracy=15.4,
        afts_regno_ai_score=0.64,
        afts_regno_ai_char_scores=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.35],
        afts_regno_ai_length_scores=[0.25, 0.75],
        direction=1,
        time_check="2021-08-01T09:02:59",
    )
    values = named(feature_row(reading))
    assert math.isnan(values.pop("foreign_sym"))
    absent = dict.fromkeys("234589DЕМНОРСТУХ", 1.0)
    assert values == absent | {
        "afts_regno_ai_score": 0.64,
        "direction": 1,
        "recognition_accuracy": 15.4,
        "max_sym_score": 0.9,
        "min_sym_score": 0.3,
        "max_len_score": 0.75,
        "ai_len": 8,
        "cam_len": 9,
        "А": 0.9,
        "0": 0.8,
        "1": 0.7,
        "6": 0.6,
        "В": 0.5,
        "К": 0.4,
        "7": 0.3,
        "hour": 9,
        "weekday": "Sunday",
        "month": "August",
        "camera_type": "Стационарная",
        "camera_class": "Астра-Трафик",
        "regno_template": "private car",
        "regno_template_ai": "private car",
        "regno_recognize_text": "А 0 1 6 В К 7 9 7",
        "afts_regno_ai_text": "А 0 1 6 В К 7 7",
    }


def test_the_template_and_the_text_follow_their_own_plate() -> None:
    row = feature_row(a_reading(regno_recognize="1234АВ77", afts_regno_ai=""))
    assert (row.regno_template, row.regno_template_ai) == ("lk_moto_tract", "unknown")
    assert (row.regno_recognize_text, row.afts_regno_ai_text) == ("1 2 3 4 А В 7 7", "")
    assert (row.cam_len, row.ai_len) == (8, 0)


@pytest.mark.parametrize("scores", [[0.2, 0.9, 0.5], [0.9, 0.2, 0.5], [0.9, 0.5, 0.2]])
def test_a_repeated_symbol_has_its_lowest_score(scores: list[float]) -> None:
    assert lowest("777", scores) == {"7": 0.2}


def test_characters_without_a_score_do_not_count() -> None:
    assert lowest("А016", [0.5, 0.25]) == {"А": 0.5, "0": 0.25}


def test_scores_without_a_character_count_for_the_extremes_alone() -> None:
    row = feature_row(a_reading(afts_regno_ai="А", afts_regno_ai_char_scores=[0.5, 0.1, 0.9]))
    assert (row.min_sym_score, row.max_sym_score) == (0.1, 0.9)
    assert lowest("А", [0.5, 0.1, 0.9]) == {"А": 0.5}


def test_a_symbol_outside_the_model_keeps_its_place_among_the_scores() -> None:
    assert lowest("ЯA7", [0.1, 0.2, 0.3]) == {"7": 0.3}


def test_latin_letters_are_not_the_cyrillic_ones_they_look_like() -> None:
    assert lowest("ABEKMHOPCTYX", [0.5] * 12) == {}
    assert lowest("АВЕКМНОРСТУХ", [0.5] * 12) == dict.fromkeys("АВЕКМНОРСТУХ", 0.5)
    assert lowest("\x44", [0.5]) == {"D": 0.5}


def test_a_score_above_one_stays_as_given() -> None:
    assert lowest("7", [1.5]) == {"7": 1.5}
    assert lowest("77", [1.5, 1.25]) == {"7": 1.25}


def test_negative_scores_stay_as_given() -> None:
    assert lowest("77", [-1.0, 0.5]) == {"7": -1.0}


def test_an_empty_score_list_counts_as_zero() -> None:
    row = feature_row(
        a_reading(afts_regno_ai="А0", afts_regno_ai_char_scores=[], afts_regno_ai_length_scores=[])
    )
    assert (row.max_sym_score, row.min_sym_score, row.max_len_score) == (0, 0, 0)
    assert lowest("А0", []) == {"А": 0.0}


def test_an_empty_plate_has_no_symbol() -> None:
    assert symbol_scores("", [0.1]) == [1.0] * 23
    assert symbol_scores("", []) == [1.0] * 23


@pytest.mark.parametrize("field", ["recognition_accuracy", "afts_regno_ai_score", "direction"])
def test_a_number_the_camera_did_not_give_is_missing(field: str) -> None:
    value = named(feature_row(a_reading(**{field: None})))[field]
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("direction", [-1, 0, 2, 2**63 - 1])
def test_any_direction_passes_through(direction: int) -> None:
    assert feature_row(a_reading(direction=direction)).direction == direction


@pytest.mark.parametrize("offset", ["", "Z", "+00:00", "+03:00", "-1130", "+23"])
def test_the_hour_is_taken_as_written_whatever_the_offset(offset: str) -> None:
    assert calendar(f"2021-08-01T23:59:59.5{offset}") == (23, "Sunday", "August")


@pytest.mark.parametrize("hour", range(24))
def test_every_hour_is_told(hour: int) -> None:
    assert calendar(f"2021-08-01 {hour:02}:00")[0] == hour


def test_weekdays_have_their_english_names() -> None:
    week = [calendar(f"2021-08-{day:02}T00:00")[1] for day in range(1, 8)]
    assert week == [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]  # fmt: skip


def test_months_have_their_english_names() -> None:
    year = [calendar(f"2021-{month:02}-01T00:00")[2] for month in range(1, 13)]
    assert year == [
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ]  # fmt: skip


def test_a_leap_day_is_a_day_of_february() -> None:
    assert calendar("2024-02-29T12:00") == (12, "Thursday", "February")


@pytest.mark.parametrize("text", ["", "2021-08-01", "2021-02-30T00:00", "0000-01-01T00:00"])
def test_what_is_no_date_and_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        calendar(text)


def test_features_are_put_in_the_order_in_which_a_model_names_them() -> None:
    row = feature_row(a_reading(afts_regno_ai="7", afts_regno_ai_char_scores=[0.5]))
    assert in_order(["month", "7", "ai_len"])(row) == ("August", 0.5, 1)
    assert len(in_order(list(reversed(FEATURES)))(row)) == 41


def test_a_feature_that_is_not_known_is_named() -> None:
    with pytest.raises(KeyError, match="colour"):
        in_order(["hour", "colour"])


def test_no_readings_have_no_features() -> None:
    assert feature_rows([]) == []


scores = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12)
plates = st.text("0123456789DTCАВЕКМНОРСТУХЁабZ ", max_size=12) | st.text(max_size=5)
readings = st.builds(
    a_reading,
    regno_recognize=plates,
    afts_regno_ai=plates,
    recognition_accuracy=st.none() | st.floats(0, 100),
    afts_regno_ai_score=st.none() | st.floats(0, 1),
    afts_regno_ai_char_scores=scores,
    afts_regno_ai_length_scores=scores,
    camera_type=st.text(max_size=5),
    camera_class=st.text(max_size=5),
    time_check=st.datetimes().map(lambda moment: moment.isoformat()),
    direction=st.none() | st.integers(-(2**63), 2**63 - 1),
)


def comparable(row: FeatureRow) -> tuple[object, ...]:
    """The row with every NaN replaced, since NaN equals nothing."""
    return tuple("missing" if value != value else value for value in row)  # noqa: PLR0124


@given(st.lists(readings, max_size=8))
def test_many_readings_have_the_features_of_each(many: list[Row]) -> None:
    together = [comparable(row) for row in feature_rows(many)]
    assert together == [comparable(feature_row(one)) for one in many]


@given(readings)
def test_a_value_has_the_type_of_its_feature(reading: Row) -> None:
    for (name, kind), value in zip(FEATURES.items(), feature_row(reading), strict=True):
        expected = (int, float) if kind == "numeric" else str
        assert isinstance(value, expected), name
