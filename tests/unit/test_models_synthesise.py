from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.cameras import CAMERAS
from models.network import LENGTHS
from models.synthesise import LabelledReading, synthesise
from models.table import LABEL, read_csv, to_frame, write_csv
from shared.features import (
    PLATE_TEMPLATES,
    SYMBOLS,
    UNKNOWN_TEMPLATE,
    feature_row,
    plate_template,
)

CONTRACT_COLUMNS = [
    "regno_recognize",
    "afts_regno_ai",
    "recognition_accuracy",
    "afts_regno_ai_score",
    "afts_regno_ai_char_scores",
    "afts_regno_ai_length_scores",
    "camera_type",
    "camera_class",
    "time_check",
    "direction",
]


@pytest.fixture(scope="module")
def readings() -> list[LabelledReading]:
    return list(synthesise(seed=7, rows=4000))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(), rows=st.integers(0, 40))
def test_the_same_seed_draws_the_same_rows(seed: int, rows: int) -> None:
    drawn = list(synthesise(seed, rows))
    assert len(drawn) == rows
    assert list(synthesise(seed, rows)) == drawn


def test_another_seed_draws_other_rows() -> None:
    assert list(synthesise(seed=1, rows=5)) != list(synthesise(seed=2, rows=5))


def test_more_rows_begin_with_those_of_fewer(readings: list[LabelledReading]) -> None:
    assert list(synthesise(seed=7, rows=20)) == readings[:20]


def test_every_category_of_plate_appears_and_private_cars_lead(
    readings: list[LabelledReading],
) -> None:
    seen = Counter(plate_template(r.afts_regno_ai) for r in readings)
    assert set(seen) == {category for category, _ in PLATE_TEMPLATES} | {UNKNOWN_TEMPLATE}
    assert seen["private car"] > len(readings) / 2


def test_every_camera_appears(readings: list[LabelledReading]) -> None:
    seen = {(r.camera_type, r.camera_class) for r in readings}
    assert seen == {(camera.camera_type, camera.camera_class) for camera in CAMERAS}


def test_the_two_readings_always_differ(readings: list[LabelledReading]) -> None:
    assert all(r.regno_recognize != r.afts_regno_ai for r in readings)


def test_neither_reader_is_nearly_always_right(readings: list[LabelledReading]) -> None:
    right = sum(r.network_right for r in readings)
    assert 0.35 < right / len(readings) < 0.65


def test_the_network_uses_its_own_alphabet_alone(readings: list[LabelledReading]) -> None:
    assert set("".join(r.afts_regno_ai for r in readings)) <= {*SYMBOLS, "C"}


def test_scores_are_probabilities_one_for_each_character_and_length(
    readings: list[LabelledReading],
) -> None:
    for reading in readings:
        assert len(reading.char_scores) == len(reading.afts_regno_ai)
        assert len(reading.length_scores) == LENGTHS
        for score in (
            *reading.char_scores,
            *reading.length_scores,
            reading.afts_regno_ai_score,
        ):
            assert 0 <= score <= 1
        assert sum(reading.length_scores) == pytest.approx(1, abs=1e-6)


def test_the_camera_is_sure_from_0_to_100_or_says_nothing(
    readings: list[LabelledReading],
) -> None:
    accuracies = [r.recognition_accuracy for r in readings]
    assert None in accuracies
    assert all(0 <= accuracy <= 100 for accuracy in accuracies if accuracy is not None)


def test_the_network_is_surer_where_it_is_right(readings: list[LabelledReading]) -> None:
    def mean_score(*, right: bool) -> float:
        scores = [r.afts_regno_ai_score for r in readings if r.network_right is right]
        return sum(scores) / len(scores)

    assert mean_score(right=True) > mean_score(right=False) + 0.1


def test_every_reading_has_features(readings: list[LabelledReading]) -> None:
    rows = [feature_row(r) for r in readings]
    assert {row.month for row in rows} >= {"January", "December"}
    assert {row.hour for row in rows} == set(range(24))
    assert {row.direction for row in rows} == {0, 1}


def test_the_table_has_the_columns_of_a_request_and_the_label(
    readings: list[LabelledReading],
) -> None:
    frame = to_frame(readings[:3])
    assert list(frame.columns) == [*CONTRACT_COLUMNS, LABEL]
    assert frame["afts_regno_ai_char_scores"][0].startswith("[0.9")
    assert ", " in frame["afts_regno_ai_char_scores"][0]
    assert set(to_frame(readings)[LABEL]) == {0, 1}


def test_csv_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, readings: list[LabelledReading]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    write_csv(path, readings)
    assert read_csv(path) == readings


def test_csv_without_a_column_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_text("regno_recognize\nА016ВК797\n", encoding="utf-8")
    with pytest.raises(KeyError):
        read_csv(path)
