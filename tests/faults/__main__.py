"""``python -m tests.faults``: every fault under load, and the ledger."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.ledger import Row
from tests.faults.report import table
from tests.faults.site import Site
from tests.faults.trial import try_fault, verdict
from tests.faults.work import shipped_work


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.faults",
        description="Breaks one part after the other under load and counts what became of it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rate", type=float, default=300, help="requests a second")
    parser.add_argument("--only", default="", help="faults whose name holds these words")
    return parser.parse_args()


def _try_all(faults: Sequence[Fault], rate: float) -> list[tuple[Fault, Row]]:
    tried = []
    with (
        tempfile.TemporaryDirectory(prefix="regno-faults-") as folder,
        Site(Path(folder)) as site,
    ):
        for fault in faults:
            row = try_fault(site, fault, shipped_work(), rate).row
            tried.append((fault, row))
            kept = "; ".join(verdict(fault, row)) or "kept"
            sys.stderr.write(f"faults: {fault.name}: {kept}\n")
    return tried


def main() -> int:
    """0 where every promise was kept, else 1."""
    arguments = _arguments()
    faults = [fault for fault in FAULTS if arguments.only in fault.name]
    tried = _try_all(faults, arguments.rate)
    sys.stdout.write(table([row for _, row in tried]))
    return int(any(verdict(fault, row) for fault, row in tried))


if __name__ == "__main__":
    sys.exit(main())
