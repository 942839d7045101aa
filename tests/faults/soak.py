"""``python -m tests.faults.soak``: half an hour of load with a random fault every half minute."""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.faults.catalogue import FAULTS
from tests.faults.fault import Fault
from tests.faults.footprint import (
    RESULT_KEYS,
    Footprint,
    broker_objects,
    keys,
    memory,
    open_files,
    series,
)
from tests.faults.ledger import Row, tally
from tests.faults.report import flatness, growing, in_all, table
from tests.faults.request import Request
from tests.faults.settle import settle
from tests.faults.site import Site
from tests.faults.traffic import Traffic
from tests.faults.trial import break_part, verdict
from tests.faults.work import shipped_work
from tests.processes import wait_until

_TTL_SECONDS = 180
"""Longer than a round, after which every task is looked at once more."""
_SETTINGS = {
    name: str(_TTL_SECONDS)
    for name in ("REGNO_RESULT_TTL", "REGNO_SYNC_RESULT_TTL", "REGNO_TASK_TTL")
}
"""Results go soon, so that it can be seen that they go."""


class Soaked(NamedTuple):
    """One round: a fault, what became of its requests, and what the service took up after it."""

    fault: Fault
    row: Row
    footprint: Footprint


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.faults.soak", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=300, help="requests a second")
    parser.add_argument("--every", type=float, default=30, help="seconds between two faults")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")
    return parser.parse_args()


def _at_random(seed: int) -> Iterator[Fault]:
    """Faults without end, like cards: none comes again before all of them have come."""
    chance = random.Random(seed)
    while True:
        yield from chance.sample(FAULTS, len(FAULTS))


def _soak(site: Site, arguments: argparse.Namespace) -> list[Soaked]:
    """A fault, the rest of its round, and what became of all that was sent in it; over and over.

    The accounts of a round are made while the next one goes on, which lasts until they are done.
    """
    faults = _at_random(arguments.seed)
    rounds: list[Future[Soaked]] = []
    with (
        ThreadPoolExecutor(1) as accountant,
        Traffic(site.doors, shipped_work(), arguments.rate) as traffic,
    ):
        traffic.wait_sent(arguments.every)
        traffic.take()
        ends_at = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < ends_at:
            began, fault = time.monotonic(), next(faults)
            healed_at = break_part(site, traffic, fault)
            traffic.wait_sent(max(1.0, arguments.every - (time.monotonic() - began)))
            if rounds:
                rounds[-1].result()
            footprint = memory(site) | series(site) | broker_objects(site)
            account = partial(_account, site, fault, traffic.take(), healed_at, footprint)
            rounds.append(accountant.submit(account))
    return [soaked.result() for soaked in rounds]


def _account(
    site: Site, fault: Fault, sent: list[Request], healed_at: float, footprint: Footprint
) -> Soaked:
    settle(site.doors, sent, shipped_work())
    age = time.monotonic() - min(request.sent_at for request in sent)
    if age > _TTL_SECONDS:  # a look that finds no result any more would count as wrong
        raise AssertionError(f"the accounts of a round took until it was {age:.0f} s old")
    soaked = Soaked(fault, tally(fault.name, sent, healed_at), footprint)
    kept = "; ".join(verdict(fault, soaked.row)) or "kept"
    sys.stderr.write(f"soak: {fault.name}: {soaked.row.sent} sent: {kept}\n")
    return soaked


def _at_rest(site: Site) -> Footprint:
    """What is left when nobody sends anything, and all results have expired."""
    wait_until(lambda: not keys(site)[RESULT_KEYS], 3 * _TTL_SECONDS, "no result is kept")
    return keys(site) | open_files(site)


def _broken(rounds: Sequence[Soaked]) -> bool:
    return any(verdict(soaked.fault, soaked.row) for soaked in rounds)


def main() -> int:
    """0 where every promise was kept and nothing grew, else 1."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # stops it all
    with (
        tempfile.TemporaryDirectory(prefix="regno-soak-") as folder,
        Site(Path(folder), settings=_SETTINGS) as site,
    ):
        before = _at_rest(site)
        rounds = _soak(site, arguments)
        after = _at_rest(site)
    sys.stdout.write(table(in_all([soaked.row for soaked in rounds])) + "\n")
    footprints = [soaked.footprint for soaked in rounds]
    sys.stdout.write(flatness(footprints, before, after))
    grown = growing(footprints, before, after)
    sys.stderr.writelines(f"soak: {what}\n" for what in grown)
    return int(bool(grown) or _broken(rounds))


if __name__ == "__main__":
    sys.exit(main())
