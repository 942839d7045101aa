"""CSV as spreadsheets write it: separated by commas, semicolons or tabs, with a header row."""

import csv
import io
import re
import time
from collections.abc import Iterator

import msgspec

from shared.errors import InvalidField, TooLarge
from shared.rows import FIELDS

NUMBER_FIELDS = frozenset(("recognition_accuracy", "afts_regno_ai_score", "direction"))
MAX_SEPARATORS = 1024
"""In one record. Ten columns with two lists of 64 scores have about 140."""

_SEPARATORS = ",;\t"
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_TURN_CHARACTERS = 64 * 1024
"""Read between two turns of other requests."""
_SHOWN_CHARACTERS = 100
"""Of a header row that is told back."""


class _Lines:
    """The lines of a text, bounded for each record that they make up."""

    def __init__(self, text: str) -> None:
        self.separators = 0
        """In the record that is being read; the reader of records sets it back to 0."""
        self._lines = io.StringIO(text, newline="")
        self._read = 0

    def __iter__(self) -> Iterator[str]:
        """Raises TooLarge for a record of too many cells."""
        for line in self._lines:
            self.separators += sum(map(line.count, _SEPARATORS))
            if self.separators > MAX_SEPARATORS:
                raise TooLarge(f"A record has more than {MAX_SEPARATORS} separators")
            self._read += len(line)
            if self._read > _TURN_CHARACTERS:
                self._read = 0
                time.sleep(0)
            yield line


def read_csv(text: str, max_rows: int) -> list[dict[str, object]]:
    """One mapping a record.

    Raises InvalidField for a wrong header row or a wrong number of cells, TooLarge, csv.Error.
    """
    separator = _separator(text)
    lines = _Lines(text)
    records = csv.reader(lines, delimiter=separator, strict=True)
    columns = next(records, [])
    indices = {field: _column(columns, field) for field in FIELDS}
    objects: list[dict[str, object]] = []
    lines.separators = 0
    for cells in records:
        lines.separators = 0
        if not cells:
            continue
        row = len(objects)
        if row == max_rows:
            raise TooLarge(f"Too many rows: expected at most {max_rows}")
        if len(cells) != len(columns):
            raise InvalidField(f"Expected {len(columns)} cells, not {len(cells)}", f"/{row}")
        objects.append({f: _cell(f, cells[at], separator) for f, at in indices.items()})
    return objects


def _separator(text: str) -> str:
    """The separator by which most of the header row's columns have names that are known."""
    header = text[:_TURN_CHARACTERS].partition("\n")[0]
    names = {s: {name.strip('"\r') for name in header.split(s)} for s in _SEPARATORS}
    return max(_SEPARATORS, key=lambda separator: len(names[separator].intersection(FIELDS)))


def _column(columns: list[str], field: str) -> int:
    """Where a field's column is. Raises InvalidField where there is none, or more than one."""
    count = columns.count(field)
    if count == 1:
        return columns.index(field)
    if count:
        raise InvalidField(f"The header row has this column {count} times", f"/{field}")
    found = ", ".join(columns)
    shown = found if len(found) <= _SHOWN_CHARACTERS else f"{found[:_SHOWN_CHARACTERS]}..."
    raise InvalidField(f"The header row misses this column; it has: {shown}", f"/{field}")


def _cell(field: str, text: str, separator: str) -> object:
    """A number where the field wants one and the cell holds one; an empty cell is a null."""
    if field not in NUMBER_FIELDS:
        return text
    if not text:
        return None
    if separator != "," and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return msgspec.json.decode(text, type=float | int)
    except msgspec.DecodeError:
        return text  # the row's own check names the field
