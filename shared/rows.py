"""The ten fields of a reading: their types, their limits, and how bytes become rows.

One definition serves the HTTP front door, the OpenAPI document and the worker. msgspec
compiles the types, so a valid row is checked while it is decoded, not afterwards.
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from shared.errors import InvalidField, MalformedBody, TooLarge
from shared.settings import Settings

_T = TypeVar("_T")

MAX_INT64 = 2**63 - 1

_HOUR, _SIXTIETH = "([01][0-9]|2[0-3])", "[0-5][0-9]"
_TIME = (
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    f"[T ]{_HOUR}:{_SIXTIETH}(:{_SIXTIETH}([.,][0-9]{{1,9}})?)?"
    f"(Z|[+-]{_HOUR}(:?{_SIXTIETH})?)?"
)
"""What a pattern can say of a date and time; how many days a month has is another matter."""
_TIME_CHECK = re.compile(_TIME)
_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?"
_SURROGATE = re.compile("[\ud800-\udfff]")
_TIME_EXPECTED = "Expected an ISO 8601 date and time such as `2021-08-01T09:02:59`"
_SCORES_EXPECTED = 'Expected an array of numbers, or a string that holds one: "[0.99, 0.98]"'


class Row(msgspec.Struct):
    """One reading as it travels. ``shared.features.Reading`` says what each field means."""

    regno_recognize: str
    afts_regno_ai: str
    recognition_accuracy: float | None
    afts_regno_ai_score: float | None
    afts_regno_ai_char_scores: str | list[float]
    afts_regno_ai_length_scores: str | list[float]
    camera_type: str
    camera_class: str
    time_check: str
    direction: int | None

    @property
    def char_scores(self) -> Sequence[float]:
        """Scores of the characters; a list once ``RowReader`` has seen the row."""
        return cast("list[float]", self.afts_regno_ai_char_scores)

    @property
    def length_scores(self) -> Sequence[float]:
        """Scores of the plate lengths; a list once ``RowReader`` has seen the row."""
        return cast("list[float]", self.afts_regno_ai_length_scores)


SCORE_FIELDS = ("afts_regno_ai_char_scores", "afts_regno_ai_length_scores")
FIELDS = Row.__struct_fields__


def row_type(limits: Settings) -> type[Row]:
    """``Row`` with the limits of these settings compiled in."""
    plate = Annotated[str, Meta(max_length=limits.max_plate_chars)]
    camera = Annotated[str, Meta(max_length=limits.max_camera_chars)]
    items = f"{_NUMBER}(, ?{_NUMBER}){{0,{limits.max_scores - 1}}}"
    # Said in the schema alone: the decoder of the list checks it, and names what is wrong.
    holding_scores = Annotated[str, Meta(extra_json_schema={"pattern": f"^\\[({items})?\\]$"})]
    scores = Annotated[
        holding_scores | Annotated[list[float], Meta(max_length=limits.max_scores)],
        Meta(
            description="Confidence of each item: an array, or a string that holds one.",
            examples=[[0.99, 0.98], "[0.99, 0.98]"],
        ),
    ]

    def described(kind: Any, text: str, example: object) -> Any:
        return Annotated[kind, Meta(description=text, examples=[example])]

    number = float | None
    integer = Annotated[int, Meta(ge=-MAX_INT64 - 1, le=MAX_INT64)] | None
    fields: dict[str, Any] = {
        "regno_recognize": described(plate, "Plate as the camera read it.", "А016ВК797"),
        "afts_regno_ai": described(plate, "Plate as the neural network read it.", "А016ВК777"),
        "recognition_accuracy": described(number, "Camera's confidence, 0..100.", 15.4),
        "afts_regno_ai_score": described(number, "Network's confidence, 0..1.", 0.64),
        "afts_regno_ai_char_scores": scores,
        "afts_regno_ai_length_scores": scores,
        "camera_type": described(camera, "Kind of camera.", "Стационарная"),
        "camera_class": described(camera, "Make of camera.", "Астра-Трафик"),
        "time_check": described(
            Annotated[str, Meta(extra_json_schema={"pattern": f"^{_TIME}$"})],
            "When the camera saw it: ISO 8601 date and time, `T` or a space between them, "
            "optional fraction and offset. The hour is taken as written.",
            "2021-08-01T09:02:59",
        ),
        "direction": described(
            integer, "0 or 1 as cameras send it: an integer, written without a fraction.", 0
        ),
    }
    kind = msgspec.defstruct("Row", list(fields.items()), bases=(Row,), module=__name__)
    return cast("type[Row]", kind)


class RowReader:
    """Turns bytes and Python objects into checked rows. Safe to share between threads."""

    def __init__(self, limits: Settings) -> None:
        """``limits`` are compiled into the decoders once, here."""
        self.row_type = row_type(limits)
        self.rows_type = Annotated[
            list[self.row_type], Meta(min_length=1, max_length=limits.max_rows)  # type: ignore[name-defined]
        ]
        self.max_rows = limits.max_rows
        self._scores = msgspec.json.Decoder(
            Annotated[list[float], Meta(max_length=limits.max_scores)]
        )
        self._one = msgspec.json.Decoder(self.row_type)
        self._many = msgspec.json.Decoder(self.rows_type)

    def read_json(self, body: bytes) -> tuple[list[Row], bool]:
        """The rows of a JSON body, and whether it held a single object.

        Raises MalformedBody for what is not JSON, InvalidField for a wrong field,
        TooLarge for too many rows.
        """
        if body.lstrip()[:1] == b"[":
            return self._finish(_translated(partial(self._many.decode, body)), "/{}/{}"), False
        return self._finish([_translated(partial(self._one.decode, body))], "/{1}"), True

    def read_objects(self, objects: object) -> list[Row]:
        """The rows of already decoded data: a list of mappings.

        Raises InvalidField for a wrong field, TooLarge for too many rows.
        """
        rows = _translated(partial(msgspec.convert, objects, type=self.rows_type))
        for index, row in enumerate(rows):
            _check_json_could_hold(row, index)
        return self._finish(rows, "/{}/{}")

    def _finish(self, rows: list[Row], pointer: str) -> list[Row]:
        """What types cannot say: score lists in strings, and times that exist."""
        for index, row in enumerate(rows):
            for field in SCORE_FIELDS:
                scores = getattr(row, field)
                if isinstance(scores, str):
                    setattr(row, field, self._parse_scores(scores, pointer.format(index, field)))
            if not is_date_and_time(row.time_check):
                raise InvalidField(_TIME_EXPECTED, pointer.format(index, "time_check"))
        return rows

    def _parse_scores(self, text: str, pointer: str) -> list[float]:
        try:
            return cast("list[float]", self._scores.decode(text))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason = _without_path(str(error))
            raise InvalidField(f"{_SCORES_EXPECTED} ({reason})", pointer) from error


def _check_json_could_hold(row: Row, index: int) -> None:
    """Raises InvalidField for what other decoders let through: NaN, infinity, lone surrogates."""
    for field in FIELDS:
        value = getattr(row, field)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, float) and not math.isfinite(item):
                raise InvalidField("Expected a finite number", f"/{index}/{field}")
            if isinstance(item, str) and _SURROGATE.search(item):
                raise InvalidField("Expected text without lone surrogates", f"/{index}/{field}")


def is_date_and_time(text: str) -> bool:
    """Whether the text is an ISO 8601 date and time that the calendar and the clock have."""
    if not _TIME_CHECK.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_PATH = re.compile(r" - at `\$(.*)`\Z", re.DOTALL)
_JSON_TYPE = {"str": "string", "float": "number", "int": "integer", "bool": "boolean"}
_PYTHON_TYPE = re.compile(r"\b(?:str|float|int|bool)\b(?=[^`]*`)")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def _without_path(message: str) -> str:
    """The message alone, its types by their names in JSON rather than in Python."""
    return _PYTHON_TYPE.sub(lambda m: _JSON_TYPE[m[0]], _PATH.sub("", message))


def _pointer(path: str) -> str:
    """A msgspec path (``[3].time_check``) as JSON pointer (``/3/time_check``)."""
    return re.sub(r"\[(\d+)\]|\.(\w+)", lambda m: f"/{m[1] or m[2]}", path)


def _translated(decode: Callable[[], _T]) -> _T:
    """Runs a msgspec decoder; its errors become ours."""
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise _field_error(str(error)) from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise MalformedBody(f"Not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedBody("Not readable: nested too deeply") from error


def _field_error(message: str) -> InvalidField | TooLarge:
    found = _PATH.search(message)
    pointer = _pointer(found[1]) if found else ""
    detail = _without_path(message)
    if not pointer and detail.startswith("Expected `array` of length <="):
        return TooLarge(f"Too many rows: {detail[0].lower()}{detail[1:]}")
    missing = _MISSING.match(detail)
    if missing:
        return InvalidField("Missing required field", f"{pointer}/{missing[1]}")
    return InvalidField(detail, pointer)
