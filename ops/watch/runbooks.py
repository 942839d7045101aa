"""The commands of the runbooks, as an operator copies them out of the pages."""

import re
from collections.abc import Iterable, Iterator, Sequence

from ops.local.programs import ROOT

FOLDER = ROOT / "docs/runbooks"

A_TASK = "TASK_ID"
"""Stands in a command for the id of a task, that only whoever has one can put there."""

_INLINE = re.compile(r"`(docker-compose [^`\n]+)`")
_CONTINUED = re.compile(r"\\\n\s+")


def commands() -> list[str]:
    """Every command of every page, once."""
    pages = (path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md")))
    return list(dict.fromkeys(command for page in pages for command in commands_of(page)))


def commands_of(page: str) -> Iterator[str]:
    """Those of one page: indented code, and what begins with docker-compose in a sentence.

    A line that ends in a backslash goes on; two spaces and a number sign begin a remark.
    """
    for line in _CONTINUED.sub("", page).splitlines():
        if line.startswith("    "):
            yield line.split("  # ")[0].strip()
        else:
            yield from _INLINE.findall(line)


def for_containers(
    found: Iterable[str], here: Sequence[str], elsewhere: Iterable[str]
) -> Iterator[str]:
    """What is about containers, as it can be run without a terminal on a part of the services.

    ``up`` of everything means those that are ``here``. What is about one ``elsewhere`` or about a
    certain task is left out, and of a pipe what only looks through the output.
    """
    missing = {*elsewhere, A_TASK}
    for command in found:
        words = set(command.split())
        if command.startswith(("docker-compose ", "docker ")) and not words & missing:
            alone, *_ = command.split(" | ")
            plain = alone.replace("exec -T ", "exec ").replace("exec ", "exec -T ")
            yield " ".join([plain, *here]) if "up" in words and not words & set(here) else plain
