"""Targets beside what was measured. They are the project's own and are never bent here."""

import operator
from typing import Any, Literal, NamedTuple

Relation = Literal["<=", "<", ">=", "=="]
_HOLDS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, "==": operator.eq}


class Target(NamedTuple):
    """A figure and what it ought to be."""

    about: str
    measured: float | None
    """None where it could not be measured."""
    relation: Relation
    wanted: float
    unit: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed`` or ``not measured``."""
        if self.measured is None:
            return "not measured"
        return "met" if _HOLDS[self.relation](self.measured, self.wanted) else "missed"

    def as_json(self) -> dict[str, Any]:
        """All of it, with the verdict."""
        return self._asdict() | {"verdict": self.verdict}
