"""``python -m ops.capacity``: puts the tables of docs/capacity.md in from the kept benchmark."""

import sys

from ops.capacity.measured import ROOT, read
from ops.capacity.page import put_in, tables

PAGE = ROOT / "docs/capacity.md"


def main() -> int:
    """Rewrites the page; 0."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(put_in(page, tables(read())), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
