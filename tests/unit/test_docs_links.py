"""A link from one page of the project to another leads to a file and a heading that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.programs import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                yield page, target


def anchors(page: Path) -> set[str]:
    """What GitHub makes of each heading: small letters, no punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("page", "target"), list(links()), ids=lambda of: of.stem if isinstance(of, Path) else of
)
def test_a_link_leads_to_a_page_and_a_heading_that_exist(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    aim = page.parent / path if path else page
    assert aim.exists(), f"{page.relative_to(ROOT)} links to {target}"
    assert not anchor or anchor in anchors(aim), f"{page.relative_to(ROOT)} links to {target}"
