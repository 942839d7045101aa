"""``python -m tests.faults``: every fault under load, and the ledger."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.catalogue import FAULTS
from tests.faults.catalogue.cluster import CLUSTER
from tests.faults.cluster import Cluster, ClusterSite
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


def _try_all(faults: Sequence[Fault], rate: float, site: Site) -> Iterator[tuple[Fault, Row]]:
    for fault in faults:
        row = try_fault(site, fault, shipped_work(), rate)
        kept = "; ".join(verdict(fault, row)) or "kept"
        sys.stderr.write(f"faults: {fault.name}: {kept}\n")
        yield fault, row


def _tried(only: str, rate: float) -> Iterator[tuple[Fault, Row]]:
    """Every fault whose name holds these words, on the kind of site that it needs."""
    for on_cluster, group in ((False, FAULTS), (True, CLUSTER)):
        faults = [fault for fault in group if only in fault.name]
        if not faults:
            continue
        with ExitStack() as running:
            folder = Path(running.enter_context(TemporaryDirectory(prefix="regno-faults-")))
            site = (
                ClusterSite(folder, running.enter_context(Cluster(folder)))
                if on_cluster
                else Site(folder)
            )
            yield from _try_all(faults, rate, running.enter_context(site))


def main() -> int:
    """0 where every promise was kept, else 1."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # stops it all
    tried = list(_tried(arguments.only, arguments.rate))
    sys.stdout.write(table([row for _, row in tried]))
    return int(any(verdict(fault, row) for fault, row in tried))


if __name__ == "__main__":
    sys.exit(main())
