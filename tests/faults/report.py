"""The ledger as a table."""

from collections.abc import Sequence

from tests.faults.ledger import Row

_COLUMNS = {
    "fault": "fault",
    "sent": "sent",
    "right": "right",
    "refused": "refused",
    "slowest_refusal": "slowest refusal s",
    "sync_out": "sync out s",
    "tasks_out": "tasks out s",
    "cut": "cut",
    "accepted": "accepted",
    "done": "done",
    "lost": "lost",
    "doubled": "doubled",
    "wrong": "wrong",
    "late": "late",
    "back_after": "back after s",
}
"""Fields of a row and what they are called."""


def table(rows: Sequence[Row]) -> str:
    """Markdown, one line a fault."""
    lines = [
        "| " + " | ".join(_COLUMNS.values()) + " |",
        "| --- |" + " ---: |" * (len(_COLUMNS) - 1),
    ]
    lines += [
        "| " + " | ".join(_cell(getattr(row, field)) for field in _COLUMNS) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def _cell(value: str | float | None) -> str:
    if value is None:
        return "never"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
