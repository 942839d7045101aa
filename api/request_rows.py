"""The rows of an HTTP request, whichever way it carries them."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from flask import Request

from api.server.messages import BODY
from shared.errors import InvalidField, MalformedBody, TooLarge, UnsupportedContent
from shared.rows import FIELDS, Row, RowReader

NUMBER_FIELDS = frozenset(("recognition_accuracy", "afts_regno_ai_score", "direction"))
JSON, CSV = "application/json", "text/csv"


class RequestRows(NamedTuple):
    """Checked rows, and whether the caller sent one object rather than a list."""

    rows: list[Row]
    single: bool


def read_rows(request: Request, reader: RowReader) -> RequestRows:
    """The rows of a request body: a JSON object, a JSON array, or CSV with a header row.

    Raises UnsupportedContent, MalformedBody, InvalidField, TooLarge. A body over the limit
    of bytes is werkzeug's RequestEntityTooLarge.
    """
    if request.environ.get("CONTENT_TYPE") == JSON and not request.content_encoding:
        return _read_json(_body(request), reader)  # nearly every call: no need to look closer
    read = _READERS.get(request.mimetype)
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.content_encoding not in (None, "identity"):
        raise UnsupportedContent(f"Content-Encoding {request.content_encoding} is not read")
    if read is None or charset not in ("utf-8", "utf8"):
        sent = request.content_type or "nothing"
        raise UnsupportedContent(f"Content-Type must be {JSON} or {CSV} in UTF-8, not {sent}")
    return read(_body(request), reader)


def _body(request: Request) -> bytes:
    """The whole body, from our own server without a detour. A larger one than may be is refused."""
    body: bytes | None = request.environ.get(BODY)
    return request.get_data() if body is None else body


def _read_json(body: bytes, reader: RowReader) -> RequestRows:
    return RequestRows(*reader.read_json(body))


def _read_csv(body: bytes, reader: RowReader) -> RequestRows:
    try:
        text = body.decode("utf-8-sig")
        objects = list(_csv_objects(text, reader.max_rows))
    except (UnicodeDecodeError, csv.Error) as error:
        raise MalformedBody(f"Not CSV in UTF-8: {error}") from error
    return RequestRows(reader.read_objects(objects), single=False)


def _csv_objects(text: str, max_rows: int) -> Iterator[dict[str, object]]:
    """One mapping a line. Raises InvalidField for a missing column, TooLarge, csv.Error."""
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [field for field in FIELDS if field not in (lines.fieldnames or ())]
    if missing:
        raise InvalidField("The header row misses this column", f"/{missing[0]}")
    for index, line in enumerate(lines):
        if index == max_rows:
            raise TooLarge(f"Too many rows: expected at most {max_rows}")
        if None in line or None in line.values():
            raise InvalidField(f"Expected {len(lines.fieldnames or ())} cells", f"/{index}")
        yield {field: _cell(field, line[field]) for field in FIELDS}


def _cell(field: str, text: str) -> object:
    """A number where the field wants one and the cell holds one; an empty cell is a null."""
    if field not in NUMBER_FIELDS:
        return text
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=float | int)
    except msgspec.DecodeError:
        return text  # the row's own check names the field


_READERS: dict[str, Callable[[bytes, RowReader], RequestRows]] = {JSON: _read_json, CSV: _read_csv}
