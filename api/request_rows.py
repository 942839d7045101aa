"""The rows of an HTTP request, whichever way it carries them."""

import csv
from collections.abc import Callable
from typing import NamedTuple

from flask import Request

from api.request_body import CSV, JSON, body_of, codec_of, release_body, text_of
from api.request_csv import read_csv
from shared.errors import MalformedBody, UnsupportedContent
from shared.rows import Row, RowReader

_UNSAID = ("", "application/x-www-form-urlencoded")
"""Content types of clients that were not told of one, as of ``curl -d``: taken for JSON."""


class RequestRows(NamedTuple):
    """Checked rows, and whether the caller sent one object rather than a list."""

    rows: list[Row]
    single: bool


_Read = Callable[[bytes, str | None, RowReader], RequestRows]

_LARGE_BYTES = 64 * 1024


def read_rows(request: Request, reader: RowReader) -> RequestRows:
    """The rows of a request body: a JSON object, a JSON array, or CSV with a header row.

    Raises UnsupportedContent, MalformedBody, InvalidField, TooLarge. A body over the limit
    of bytes is werkzeug's RequestEntityTooLarge.
    """
    if request.environ.get("CONTENT_TYPE") == JSON:  # nearly every call
        return _read(_read_json, request, None, reader)
    read = _READERS.get(request.mimetype)
    if read is None:
        raise UnsupportedContent(
            f"Content-Type must be {JSON} or {CSV}, not {request.mimetype}: "
            f"add the header `Content-Type: {JSON}`"
        )
    codec = codec_of(request.mimetype_params.get("charset"))
    return _read(read, request, codec, reader)


def _read(read: _Read, request: Request, codec: str | None, reader: RowReader) -> RequestRows:
    """Reads the body, and lets go of a large one: its request may wait for a long time."""
    body = body_of(request)
    rows = read(body, codec, reader)
    if len(body) > _LARGE_BYTES:
        release_body(request)
    return rows


def _read_json(body: bytes, codec: str | None, reader: RowReader) -> RequestRows:
    """UTF-8 is read as it came; only where that fails is another encoding looked for."""
    if codec in (None, "utf-8"):
        try:
            return RequestRows(*reader.read_json(body))
        except MalformedBody:
            if text_of(body, codec).encode() == body:
                raise
    return RequestRows(*reader.read_json(text_of(body, codec).encode()))


def _read_csv(body: bytes, codec: str | None, reader: RowReader) -> RequestRows:
    try:
        objects = read_csv(text_of(body, codec), reader.max_rows)
    except csv.Error as error:
        raise MalformedBody(f"Not CSV: {error}") from error
    return RequestRows(reader.read_objects(objects), single=False)


_READERS: dict[str, _Read] = {
    JSON: _read_json,
    CSV: _read_csv,
    **dict.fromkeys(_UNSAID, _read_json),
}
"""By content type, without its parameters."""
