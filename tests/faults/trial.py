"""One fault under load, from the quiet before it to the ledger after it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.faults.fault import Fault
from tests.faults.ledger import MARGIN_SECONDS, Row, tally
from tests.faults.request import DEADLINE_SECONDS
from tests.faults.settle import settle
from tests.faults.site import Site
from tests.faults.traffic import Traffic
from tests.faults.work import Work
from tests.processes import wait_until

STEADY_WITHIN = 60.0
"""Seconds for the load to run well, before the fault and after it."""

PATIENT_SECONDS = 25.0
"""The deadline of requests that wait while a part breaks: longer than any of them is broken."""


def try_fault(
    site: Site,
    fault: Fault,
    work: Work,
    rate: float,
    *,
    deadline: float = DEADLINE_SECONDS,
    margin: float = MARGIN_SECONDS,
) -> Row:
    """Breaks one part under ``rate`` requests a second and mends it; what became of them all.

    ``deadline`` is that of the synchronous ones, in seconds; ``margin`` is the ledger's.
    """
    with Traffic(site.doors, work, rate, deadline=deadline) as traffic:
        traffic.wait_steady(time.monotonic(), STEADY_WITHIN, f"a steady load before: {fault.name}")
        healed_at = break_part(site, traffic, fault)
    site.wait_ready()
    settle(site.doors, traffic.requests, work)
    return tally(fault.name, traffic.requests, healed_at, margin)


def break_part(site: Site, traffic: Traffic, fault: Fault) -> float:
    """Breaks a part, mends it, and waits until all is well; the instant when it was back."""
    with ExitStack() as broken:
        with _waiting(site, traffic, fault.waiting):
            broken.enter_context(fault.cause(site))
        traffic.wait_sent(fault.seconds)
    healed_at = time.monotonic()
    with suppress(AssertionError):  # the ledger says so
        traffic.wait_steady(healed_at, STEADY_WITHIN, f"all is well after: {fault.name}")
    return healed_at


def verdict(fault: Fault, row: Row) -> list[str]:
    """The promises that were broken: those of every fault, and this one's own."""
    broken = list(row.broken)
    if fault.flawless and row.refused:
        broken.append(f"{row.refused} refused, though the rest could take over")
    if row.cut and not fault.cuts:
        broken.append(f"{row.cut} connections cut, though no front door was killed")
    for kind, out, within in (
        ("sync", row.sync_out, fault.sync_out_within),
        ("tasks", row.tasks_out, fault.tasks_out_within),
    ):
        if within is not None and out > within:
            broken.append(f"{kind} out for {out:.1f} s instead of {within:g}")
    if row.back_after is not None and row.back_after > fault.back_within:
        broken.append(f"back after {row.back_after:.1f} s instead of {fault.back_within:g}")
    return broken


@contextmanager
def _waiting(site: Site, traffic: Traffic, count: int) -> Iterator[None]:
    """So many requests wait for workers that are held back while the context lasts."""
    if not count:
        yield
        return
    with ExitStack() as held:
        for worker in site.workers:
            held.enter_context(worker.paused())
        burst = traffic.burst(count, PATIENT_SECONDS)
        wait_until(
            lambda: all(request.under_way for request in burst) and site.waiters() >= count,
            20,
            f"{count} requests wait",
        )
        yield
