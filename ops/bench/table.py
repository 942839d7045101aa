"""Tables in Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

from ops.bench.targets import Target

Cell = str | int | float


class Table(NamedTuple):
    """A title, a remark of some lines, and rows. The first column holds names."""

    title: str
    remark: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Names to the left, figures to the right."""
        lines = [f"## {self.title}", ""]
        if self.remark:
            lines += [self.remark, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("| --- |" + " ---: |" * (len(self.columns) - 1))
        lines += ["| " + " | ".join(map(_text, row)) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else number(cell)


def number(value: float) -> str:
    """Four digits, no exponent."""
    if isinstance(value, int) or abs(value) >= 1000:  # noqa: PLR2004 - four digits
        return f"{value:.0f}"
    return f"{value:.4g}" if value == 0 or abs(value) >= 0.001 else f"{value:.6f}"  # noqa: PLR2004


def targets_table(targets: Sequence[Target]) -> Table:
    """Each target beside what was measured."""
    rows = [
        (
            target.about,
            f"{target.relation} {number(target.wanted)} {target.unit}".strip(),
            "-" if target.measured is None else f"{number(target.measured)} {target.unit}".strip(),
            target.verdict if target.verdict == "met" else f"**{target.verdict}**",
        )
        for target in targets
    ]
    return Table("Targets", "", ("target", "wanted", "measured", ""), rows)
