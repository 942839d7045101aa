import csv
import io
import json
from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.request_rows import read_rows
from shared.errors import InvalidField, MalformedBody, RegnoError, TooLarge, UnsupportedContent
from shared.rows import FIELDS, Row, RowReader
from tests.builders import a_row, api_settings

NUMBER_FIELDS = ("recognition_accuracy", "afts_regno_ai_score", "direction")
READER = RowReader(api_settings(max_rows=5))


def as_read(**fields: Any) -> Row:
    """The row that JSON gives."""
    return READER.read_objects([a_row(**fields)])[0]


def a_csv(*rows: dict[str, Any], columns: tuple[str, ...] = FIELDS) -> str:
    """Rows as text, score lists in their string form."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: json.dumps(v) if isinstance(v, list) else v for name, v in row.items()}
        )
    return text.getvalue()


def a_request(body: str | bytes, content_type: str | None = "text/csv") -> Request:
    data = body.encode() if isinstance(body, str) else body
    headers = [] if content_type is None else [("Content-Type", content_type)]
    return Request(EnvironBuilder(method="POST", data=data, headers=headers).get_environ())


def read(body: str | bytes, content_type: str | None = "text/csv") -> list[Row]:
    return read_rows(a_request(body, content_type), READER).rows


def refused(body: str | bytes, kind: type[RegnoError] = InvalidField) -> Any:
    with pytest.raises(kind) as caught:
        read(body)
    return caught.value


def test_each_line_is_a_row() -> None:
    rows = read(a_csv(a_row(direction=0), a_row(direction=1)))
    assert rows == [as_read(direction=0), as_read(direction=1)]


def test_csv_is_never_a_single_object() -> None:
    assert not read_rows(a_request(a_csv(a_row())), READER).single


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert read(b"\xef\xbb\xbf" + a_csv(a_row()).encode()) == [as_read()]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do(line_end: str) -> None:
    assert read(a_csv(a_row(), a_row()).replace("\r\n", line_end)) == [as_read()] * 2


def test_the_last_line_needs_no_end() -> None:
    assert read(a_csv(a_row()).rstrip()) == [as_read()]


def test_blank_lines_are_no_rows() -> None:
    assert read(a_csv(a_row()) + "\r\n\r\n") == [as_read()]


@pytest.mark.parametrize("text", ["two\nlines", "two\r\nlines", 'a "quoted" word', "a, comma"])
def test_quoted_text_stays_as_it_is(text: str) -> None:
    [row] = read(a_csv(a_row(camera_class=text)))
    assert row.camera_class == text


def test_columns_may_come_in_any_order() -> None:
    assert read(a_csv(a_row(), columns=FIELDS[::-1])) == [as_read()]


def test_columns_of_another_name_are_ignored() -> None:
    body = a_csv(a_row(colour="red"), columns=("colour", *FIELDS))
    assert "red" in body
    assert read(body) == [as_read()]


@pytest.mark.parametrize("column", FIELDS)
def test_a_missing_column_is_named(column: str) -> None:
    columns = tuple(name for name in FIELDS if name != column)
    assert refused(a_csv(a_row(), columns=columns)).pointer == f"/{column}"


@pytest.mark.parametrize("body", ["", "\n", "nonsense"])
def test_without_a_header_row_every_column_is_missing(body: str) -> None:
    assert refused(body).pointer == f"/{FIELDS[0]}"


@pytest.mark.parametrize("body", [a_csv(), a_csv().rstrip()])
def test_a_header_alone_has_no_rows(body: str) -> None:
    error = refused(body)
    assert error.pointer == ""
    assert "length >= 1" in error.detail


@pytest.mark.parametrize("line", ["А016ВК797", "," * (len(FIELDS) - 2), "," * len(FIELDS)])
def test_a_line_with_too_few_or_too_many_cells_is_pointed_at(line: str) -> None:
    error = refused(a_csv(a_row()) + line)
    assert error.pointer == "/1"
    assert error.detail.startswith("Expected 10 cells, not ")


@pytest.mark.parametrize("field", NUMBER_FIELDS)
def test_an_empty_cell_is_a_missing_number(field: str) -> None:
    [row] = read(a_csv(a_row(**{field: ""})))
    assert getattr(row, field) is None


@pytest.mark.parametrize("field", ["regno_recognize", "camera_type"])
def test_an_empty_cell_is_empty_text_where_text_is_wanted(field: str) -> None:
    [row] = read(a_csv(a_row(**{field: ""})))
    assert getattr(row, field) == ""


@pytest.mark.parametrize("field", NUMBER_FIELDS)
@pytest.mark.parametrize(
    "cell",
    ["nan", "NaN", "inf", "-inf", "Infinity", "1_000", "1e999", "0x1", "+1", "1,5", "1 000",
     "٣", "true", "null", '"1"', "[1]", "one", "-", "9" * 5000],
)  # fmt: skip
def test_a_cell_that_is_no_number_names_its_field(field: str, cell: str) -> None:
    error = refused(a_csv(a_row(), a_row(**{field: cell})))
    assert error.pointer == f"/1/{field}"


@pytest.mark.parametrize("cell", ["1.0", "0.5", "1e2", str(2**63)])
def test_a_direction_must_be_an_integer(cell: str) -> None:
    assert refused(a_csv(a_row(direction=cell))).pointer == "/0/direction"


@pytest.mark.parametrize(
    ("cell", "number"), [("5", 5.0), ("0.1", 0.1), ("1e-7", 1e-7), ("-0.5", -0.5), ("1E2", 100.0)]
)
def test_a_number_is_read_as_json_writes_it(cell: str, number: float) -> None:
    [row] = read(a_csv(a_row(recognition_accuracy=cell)))
    assert row.recognition_accuracy == number


def test_a_wrong_score_list_names_its_field() -> None:
    error = refused(a_csv(a_row(), a_row(afts_regno_ai_char_scores="[1,]")))
    assert error.pointer == "/1/afts_regno_ai_char_scores"


def test_a_wrong_time_names_its_field() -> None:
    assert refused(a_csv(a_row(time_check="01.08.2021 09:02"))).pointer == "/0/time_check"


def test_the_limit_of_rows_holds() -> None:
    assert len(read(a_csv(*[a_row()] * 5))) == 5
    assert "at most 5" in refused(a_csv(*[a_row()] * 6), TooLarge).detail


@pytest.mark.parametrize(
    "body",
    [
        a_csv(a_row()).encode("cp1251"),
        a_csv(a_row()).encode() + b'"open quote',
        a_csv(a_row()).encode() + b'"closed" twice",',
        a_csv(a_row(camera_class="x" * 200_000)).encode(),
    ],
)
def test_what_is_not_csv_in_utf_8_is_malformed(body: bytes) -> None:
    refused(body, MalformedBody)


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "TEXT/CSV", "text/csv; charset=utf-8", "text/csv;charset=UTF-8",
     'text/csv; charset="utf-8"', "text/csv; header=present"],
)  # fmt: skip
def test_the_content_type_of_csv_is_read_as_it_may_be_written(content_type: str) -> None:
    assert read(a_csv(a_row()), content_type) == [as_read()]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/csv2", "csv", "application/octet-stream", "text/json",
     "multipart/form-data; boundary=x", "application/problem+json"],
)  # fmt: skip
def test_other_content_is_not_supported(content_type: str | None) -> None:
    with pytest.raises(UnsupportedContent, match="application/json or text/csv, not"):
        read(a_csv(a_row()), content_type)


@pytest.mark.parametrize(
    "charset", ["koi8-r", "cp866", "latin-1", "utf-32", "utf-7", "x", "base64"]
)
def test_another_charset_is_not_supported(charset: str) -> None:
    with pytest.raises(UnsupportedContent, match="charset must be utf-8, utf-16, windows-1251"):
        read(a_csv(a_row()), f"text/csv; charset={charset}")


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-16", "text/csv"),
        ("utf-16-le", "text/csv"),
        ("utf-32", "text/csv"),
        ("utf-16-be", "text/csv; charset=utf-16be"),
        ("utf-8-sig", "text/csv; charset=windows-1251"),
        ("windows-1251", "text/csv; charset=windows-1251"),
        ("windows-1251", "text/csv; charset=CP1251"),
    ],
)
def test_a_charset_that_is_known_is_read(encoding: str, content_type: str) -> None:
    assert read(a_csv(a_row()).encode(encoding), content_type) == [as_read()]


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-16-be", ""), ("cp1251", "; charset=windows-1251")],
)
def test_json_is_read_in_the_same_charsets(encoding: str, charset: str) -> None:
    body = json.dumps(a_row(), ensure_ascii=False).encode(encoding)
    assert read(body, f"application/json{charset}") == [as_read()]


@pytest.mark.parametrize("content_type", [None, "", "application/x-www-form-urlencoded"])
def test_a_body_whose_type_nobody_said_is_json(content_type: str | None) -> None:
    assert read(json.dumps(a_row()), content_type) == [as_read()]


def test_text_in_an_unnamed_charset_is_told_how_to_name_it() -> None:
    error = refused(a_csv(a_row()).encode("cp1251"), MalformedBody)
    assert "charset=windows-1251" in error.detail
    assert "at byte" in error.detail


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_russian_spreadsheet_writes_is_read(separator: str) -> None:
    text = io.StringIO()
    lines = csv.writer(text, delimiter=separator)
    scores = a_row(afts_regno_ai_char_scores="[0.99, 1]", afts_regno_ai_length_scores="[1]")
    row = scores | {"recognition_accuracy": "15,4"}
    lines.writerows([FIELDS, row.values()])
    expected = as_read(
        recognition_accuracy=15.4,
        afts_regno_ai_char_scores=[0.99, 1],
        afts_regno_ai_length_scores=[1],
    )
    assert read(text.getvalue()) == [expected]


@pytest.mark.parametrize("field", FIELDS)
def test_a_column_that_comes_twice_is_named(field: str) -> None:
    error = refused(a_csv(a_row(), columns=(*FIELDS, field)))
    assert error.pointer == f"/{field}"
    assert "2 times" in error.detail


def test_a_missing_column_is_told_beside_those_that_are_there() -> None:
    assert "it has: plate, speed" in refused("plate,speed\nA,1\n").detail


@pytest.mark.parametrize(
    "body",
    [
        ",".join(map(str, range(1_000_000))),
        a_csv() + "," * 16_000_000,
        a_csv() + '"\n",' * 1_000_000,
        a_csv(a_row()) + ";" * 2_000,
    ],
    ids=["columns", "cells", "cells in quotes", "other separators"],
)
def test_a_record_of_too_many_cells_is_refused(body: str) -> None:
    assert "more than 1024 separators" in refused(body, TooLarge).detail
