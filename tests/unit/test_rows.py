import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidField, MalformedBody, TooLarge
from shared.rows import FIELDS, RowReader
from tests.builders import a_row, api_settings

TEXT_FIELDS = ("regno_recognize", "afts_regno_ai", "camera_type", "camera_class", "time_check")
NUMBER_FIELDS = ("recognition_accuracy", "afts_regno_ai_score", "direction")
SCORE_FIELDS = ("afts_regno_ai_char_scores", "afts_regno_ai_length_scores")
READER = RowReader(api_settings())


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def refused(body: object) -> InvalidField:
    """What is said of a body with a wrong field."""
    with pytest.raises(InvalidField) as caught:
        READER.read_json(as_json(body))
    return caught.value


def test_there_are_ten_fields() -> None:
    assert len(FIELDS) == 10
    assert set(FIELDS) == {*TEXT_FIELDS, *NUMBER_FIELDS, *SCORE_FIELDS}


def test_an_object_is_one_row() -> None:
    rows, single = READER.read_json(as_json(a_row(direction=1)))
    assert single
    assert [row.direction for row in rows] == [1]
    assert rows[0].regno_recognize == "А016ВК797"


def test_an_array_is_rows_in_order_even_of_one() -> None:
    rows, single = READER.read_json(as_json([a_row(direction=n) for n in range(3)]))
    assert not single
    assert [row.direction for row in rows] == [0, 1, 2]
    assert READER.read_json(as_json([a_row()]))[1] is False


def test_space_before_the_body_changes_nothing() -> None:
    assert READER.read_json(b" \t\r\n" + as_json([a_row()]))[1] is False
    assert READER.read_json(b" \t\r\n" + as_json(a_row()))[1] is True


def test_unknown_fields_are_ignored() -> None:
    rows, _ = READER.read_json(as_json(a_row(colour="red", nested={"deep": [1, {}]})))
    assert rows == READER.read_json(as_json(a_row()))[0]


@pytest.mark.parametrize("field", NUMBER_FIELDS)
def test_a_number_may_be_null(field: str) -> None:
    [row], _ = READER.read_json(as_json(a_row(**{field: None})))
    assert getattr(row, field) is None


@pytest.mark.parametrize("field", [f for f in FIELDS if f not in NUMBER_FIELDS])
def test_nothing_else_may_be_null(field: str) -> None:
    error = refused(a_row(**{field: None}))
    assert error.pointer == f"/{field}"
    assert "`null`" in error.detail


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(field: str) -> None:
    error = refused(a_row(**{field: ...}))
    assert (error.pointer, error.detail) == (f"/{field}", "Missing required field")
    assert refused([a_row(), a_row(**{field: ...})]).pointer == f"/1/{field}"


@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        ("regno_recognize", 5, "Expected `string`, got `integer`"),
        ("camera_type", 0.5, "Expected `string`, got `number`"),
        ("camera_class", True, "Expected `string`, got `boolean`"),
        ("afts_regno_ai", [], "Expected `string`, got `array`"),
        ("time_check", {}, "Expected `string`, got `object`"),
        ("recognition_accuracy", "1", "Expected `number | null`, got `string`"),
        ("afts_regno_ai_score", True, "Expected `number | null`, got `boolean`"),
        ("direction", 1.0, "Expected `integer | null`, got `number`"),
        ("direction", False, "Expected `integer | null`, got `boolean`"),
        ("direction", "0", "Expected `integer | null`, got `string`"),
        ("afts_regno_ai_char_scores", 1, "Expected `string | array`, got `integer`"),
    ],
)
def test_types_are_told_by_their_names_in_json(field: str, value: object, detail: str) -> None:
    error = refused(a_row(**{field: value}))
    assert (error.pointer, error.detail) == (f"/{field}", detail)


def test_what_the_caller_wrote_is_not_taken_for_a_type() -> None:
    assert "str" not in refused(a_row(direction="str int float")).detail.replace("string", "")


@pytest.mark.parametrize("body", [5, "text", True, None])
def test_a_body_that_is_no_object_has_the_empty_pointer(body: object) -> None:
    error = refused(body)
    assert error.pointer == ""
    assert error.detail.startswith("Expected `object`, got")


@pytest.mark.parametrize("item", [[], 5, None, "text"])
def test_an_item_that_is_no_object_is_pointed_at(item: object) -> None:
    assert refused([a_row(), item]).pointer == "/1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b"\xef\xbb\xbf{}",
        b"\xff",
        as_json(a_row()) + b"x",
        as_json(a_row()) * 2,
        as_json(a_row())[:-1],
        as_json(a_row())[:-1] + b",}",
        as_json(a_row(direction=math.nan)),
        as_json(a_row(recognition_accuracy=math.inf)),
        as_json(a_row(afts_regno_ai_char_scores=[-math.inf])),
        json.dumps(a_row(regno_recognize="\ud800")).encode(),
        as_json(a_row(regno_recognize="@")).replace(b"@", b"\xff"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody, match=r"^Not JSON: "):
        READER.read_json(body)


def test_nesting_without_end_is_malformed() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    for body in (b'{"a":' * 100_000, as_json(a_row())[:-1] + b',"more":' + deep + b"}"):
        with pytest.raises(MalformedBody, match="nested too deeply"):
            READER.read_json(body)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000])
@pytest.mark.parametrize("field", NUMBER_FIELDS)
def test_a_number_that_is_not_finite_is_refused(field: str, number: str) -> None:
    body = as_json(a_row(**{field: "@"})).replace(b'"@"', number.encode())
    with pytest.raises(InvalidField) as caught:
        READER.read_json(body)
    assert caught.value.pointer == f"/{field}"


def test_a_direction_has_64_bits() -> None:
    for direction in (-(2**63), 2**63 - 1):
        assert READER.read_json(as_json(a_row(direction=direction)))[0][0].direction == direction
    for direction in (-(2**63) - 1, 2**63, 10**30):
        assert refused(a_row(direction=direction)).pointer == "/direction"


@pytest.mark.parametrize("field", ["regno_recognize", "afts_regno_ai"])
def test_a_plate_has_as_many_characters_as_the_settings_say(field: str) -> None:
    reader = RowReader(api_settings(max_plate_chars=3))
    reader.read_json(as_json(a_row(regno_recognize="ЯЯЯ", afts_regno_ai="😀😀😀")))
    with pytest.raises(InvalidField) as caught:
        reader.read_json(as_json(a_row(regno_recognize="", afts_regno_ai="") | {field: "ЯЯЯЯ"}))
    assert caught.value.pointer == f"/{field}"
    assert caught.value.detail == "Expected `string` of length <= 3"


@pytest.mark.parametrize("field", ["camera_type", "camera_class"])
def test_a_camera_has_as_many_characters_as_the_settings_say(field: str) -> None:
    reader = RowReader(api_settings(max_camera_chars=3))
    reader.read_json(as_json(a_row(camera_type="ЯЯЯ", camera_class="ЯЯЯ")))
    with pytest.raises(InvalidField) as caught:
        reader.read_json(as_json(a_row(camera_type="", camera_class="") | {field: "ЯЯЯЯ"}))
    assert caught.value.pointer == f"/{field}"


@pytest.mark.parametrize("field", SCORE_FIELDS)
@pytest.mark.parametrize("form", [list, json.dumps])
def test_a_score_list_has_as_many_numbers_as_the_settings_say(
    field: str, form: Callable[[list[int]], object]
) -> None:
    reader = RowReader(api_settings(max_scores=2))
    few = dict.fromkeys(SCORE_FIELDS, form([1, 2]))
    reader.read_json(as_json(a_row(**few)))
    with pytest.raises(InvalidField) as caught:
        reader.read_json(as_json(a_row(**few | {field: form([1, 2, 3])})))
    assert caught.value.pointer == f"/{field}"
    assert "of length <= 2" in caught.value.detail


def test_a_request_has_as_many_rows_as_the_settings_say() -> None:
    reader = RowReader(api_settings(max_rows=2))
    assert len(reader.read_json(as_json([a_row()] * 2))[0]) == 2
    with pytest.raises(TooLarge, match="Too many rows"):
        reader.read_json(as_json([a_row()] * 3))
    with pytest.raises(TooLarge, match="Too many rows"):
        reader.read_objects([a_row()] * 3)


def test_a_long_score_list_is_a_wrong_field_rather_than_too_many_rows() -> None:
    assert refused(a_row(afts_regno_ai_char_scores=[0.5] * 65)).pointer == (
        "/afts_regno_ai_char_scores"
    )


def test_no_rows_are_refused() -> None:
    assert refused([]).pointer == ""
    with pytest.raises(InvalidField):
        READER.read_objects([])


@pytest.mark.parametrize("field", SCORE_FIELDS)
@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ("[]", []),
        ("[1]", [1.0]),
        ("[0.99, 0.98]", [0.99, 0.98]),
        (" [ 0.99\t,\n1e-10 ] ", [0.99, 1e-10]),
        ("[-1.5]", [-1.5]),
    ],
)
def test_the_string_form_of_scores_means_the_same_as_the_array(
    field: str, text: str, scores: list[float]
) -> None:
    from_string, _ = READER.read_json(as_json(a_row(**{field: text})))
    from_array, _ = READER.read_json(as_json(a_row(**{field: scores})))
    assert getattr(from_string[0], field) == scores
    assert from_string == from_array


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=64))
def test_no_score_loses_a_bit_on_the_way(scores: list[float]) -> None:
    row = a_row(afts_regno_ai_char_scores=scores, afts_regno_ai_length_scores=json.dumps(scores))
    [read], _ = READER.read_json(as_json([row]))
    assert list(read.char_scores) == list(read.length_scores) == scores


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "0.5",
        "null",
        "{}",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "[1] 2",
        "1, 2",
        "[null]",
        '["0.5"]',
        "[true]",
        "[[0.5]]",
        "[NaN]",
        "[nan]",
        "[Infinity]",
        "[1e999]",
        "[0x1]",
        "[1_0]",
        "[٣]",
        "(1, 2)",
        "\x00",
        "[" * 100_000,
    ],
)
def test_a_string_that_holds_no_list_of_numbers_is_refused(text: str) -> None:
    for field in SCORE_FIELDS:
        error = refused([a_row(**{field: text})])
        assert error.pointer == f"/0/{field}"
        assert error.detail.startswith("Expected an array of numbers, or a string that holds one")


@pytest.mark.parametrize("item", [None, "0.5", True, [], {}])
def test_an_element_of_a_score_list_is_pointed_at(item: object) -> None:
    error = refused([a_row(), a_row(afts_regno_ai_length_scores=[0.5, item])])
    assert error.pointer == "/1/afts_regno_ai_length_scores/1"
    assert error.detail.startswith("Expected `number`, got")


def test_the_first_wrong_row_of_many_is_pointed_at() -> None:
    assert refused([a_row(), a_row(time_check="now"), a_row(time_check="")]).pointer == (
        "/1/time_check"
    )


def test_objects_are_checked_like_json() -> None:
    rows = READER.read_objects([a_row(direction=1, afts_regno_ai_char_scores="[0.5]")])
    assert rows[0].char_scores == [0.5]
    with pytest.raises(InvalidField) as caught:
        READER.read_objects([a_row(), a_row(direction="1")])
    assert caught.value.pointer == "/1/direction"


@pytest.mark.parametrize("objects", [None, 5, "text", {}, [5], [[]]])
def test_objects_that_are_no_rows_are_refused(objects: object) -> None:
    with pytest.raises(InvalidField):
        READER.read_objects(objects)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recognition_accuracy", math.nan),
        ("afts_regno_ai_score", math.inf),
        ("afts_regno_ai_char_scores", [0.5, -math.inf]),
        ("afts_regno_ai_length_scores", [math.nan]),
        ("afts_regno_ai_length_scores", "\ud800"),
        ("regno_recognize", "\ud800"),
        ("camera_class", "a\udfffb"),
    ],
)
def test_objects_may_hold_nothing_that_json_cannot(field: str, value: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        READER.read_objects([a_row(), a_row(**{field: value})])
    assert caught.value.pointer == f"/1/{field}"
