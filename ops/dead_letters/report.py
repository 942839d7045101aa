"""Letters as text."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from ops.dead_letters.letter import Letter
from shared.queues import DEAD_QUEUE

_HEADINGS = {
    "task_id": "TASK",
    "request_id": "REQUEST",
    "died_at": "DIED (UTC)",
    "reason": "REASON",
    "deaths": "DEATHS",
    "rows": "ROWS",
}

Summary = dict[str, Any]
"""What is told of a letter in a list; its keys are those of ``_HEADINGS``."""


def summary(letter: Letter) -> Summary:
    """What is told of a letter in a list: nothing that its caller has sent."""
    return {
        "task_id": letter.id,
        "request_id": letter.request_id,
        "died_at": letter.died_at and letter.died_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": letter.reason,
        "deaths": letter.deaths,
        "rows": letter.row_count,
    }


def one_line(letter: Letter) -> str:
    """A letter in a few words."""
    rows = "no rows" if letter.row_count is None else f"rows: {letter.row_count}"
    return f"{letter.id} (request {letter.request_id}, {rows}, {letter.reason})"


def table(lines: Sequence[Summary]) -> str:
    """A line for each letter, below headings."""
    if not lines:
        return f"{DEAD_QUEUE} is empty"
    cells = [tuple(_HEADINGS.values())]
    cells += [
        tuple("-" if line[key] is None else str(line[key]) for key in _HEADINGS) for line in lines
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def as_json(lines: Sequence[Summary]) -> str:
    """An array of objects."""
    return msgspec.json.format(msgspec.json.encode(lines)).decode()


def details(letter: Letter) -> str:
    """Everything, as JSON. A body that is no task's is shown as text.

    What a terminal would obey, or would show in another place than it stands, is escaped.
    """
    body: dict[str, Any] = {"body": letter.body.decode(errors="replace")}
    if letter.rows is not None:
        with suppress(ValueError, RecursionError):  # else as text
            body = {"rows": json.loads(bytes(letter.rows))}
    content = {
        **summary(letter),
        "headers": _with_text_keys(letter.headers),
        "properties": letter.properties,
        **body,
    }
    text = json.dumps(content, ensure_ascii=False, indent=2, default=str)
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def _with_text_keys(value: Any) -> Any:
    """Tables whose field names are no UTF-8, as JSON can hold them."""
    if isinstance(value, dict):
        return {str(name): _with_text_keys(item) for name, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _escaped(character: str) -> str:
    """As JSON escapes it: in UTF-16."""
    return json.dumps(character)[1:-1]
