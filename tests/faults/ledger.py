"""What became of every request: pure counting, and the promises it is held against."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from tests.faults.request import LOST, Kind, Request

COMMAND_SECONDS = 1.0
"""The longest that one command of Redis may take, and a turn or a confirm of RabbitMQ."""

ACCEPT_SECONDS = 4 * COMMAND_SECONDS + 0.5
"""The longest that accepting a task may take: two commands, a turn, a confirm, and what is between
them."""

MARGIN_SECONDS = 1.0
"""Added to each: client, service and servers share the cores of one machine."""

STEADY_SECONDS = 1.0
"""All is well again from when on every request of so long a time is good."""


class Row(NamedTuple):
    """One line of the ledger."""

    fault: str
    sent: int
    right: int
    """Synchronous requests with the right answer."""
    refused: int
    """Told 503 or 504, of either kind."""
    slowest_refusal: float
    """Seconds."""
    sync_out: float
    """Synchronous requests that were refused, as the seconds in which so many were sent."""
    tasks_out: float
    """The same of asynchronous ones."""
    cut: int
    """Calls whose connection ended before their answer."""
    accepted: int
    """Told 202."""
    done: int
    """Of these, ended with the right answer."""
    lost: int
    """Requests without any outcome, accepted tasks without an end, looks without an answer."""
    doubled: int
    """Accepted tasks that were told two ends, or told one task for two."""
    wrong: int
    """Wrong answers, 503 without Retry-After, and statuses, of looks too, that nothing explains."""
    late: int
    """Answers, refusals and looks that came after their deadline."""
    back_after: float | None
    """Seconds from when the part was back until all was well; None: never."""

    @property
    def broken(self) -> list[str]:
        """The promises that were not kept."""
        counted = {name: getattr(self, name) for name in ("lost", "doubled", "wrong", "late")}
        broken = [f"{count} {name}" for name, count in counted.items() if count]
        if self.done != self.accepted:
            broken.append(f"{self.accepted - self.done} accepted but not done")
        if self.back_after is None:
            broken.append("never well again")
        return broken


def tally(
    fault: str,
    requests: Sequence[Request],
    healed_at: float | None,
    margin: float = MARGIN_SECONDS,
) -> Row:
    """The line of one fault. ``healed_at`` is None where nothing had to come back.

    What comes later than its deadline and ``margin`` seconds more is late.
    """
    sync = [request for request in requests if request.kind is Kind.SYNC]
    tasks = [request for request in requests if request.kind is Kind.ASYNC]
    accepted = [task for task in tasks if task.status == HTTPStatus.ACCEPTED]
    refused = [request for request in requests if request.status in _REFUSALS]
    ids = [task.task_id for task in accepted]
    return Row(
        fault=fault,
        sent=len(requests),
        right=sum(request.good for request in sync),
        refused=len(refused),
        slowest_refusal=max((request.seconds or 0.0 for request in refused), default=0.0),
        sync_out=_seconds_refused(sync),
        tasks_out=_seconds_refused(tasks),
        cut=sum(request.cut + request.looks.count(LOST) for request in requests),
        accepted=len(accepted),
        done=sum(task.end == "done" and bool(task.right) for task in accepted),
        lost=sum(request.status is None for request in requests)
        + sum(not task.end or task.under_way for task in accepted),
        doubled=sum(bool(task.other_answer) for task in accepted) + len(ids) - len(set(ids)),
        wrong=sum(request.right is False for request in requests)
        + sum(request.unsaid or request.status not in _EXPLAINED for request in requests)
        + sum(not _LOOKS.issuperset(request.looks) for request in requests),
        late=sum(_late(request, margin) for request in requests),
        back_after=0.0 if healed_at is None else back_after(requests, healed_at),
    )


_REFUSALS = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_EXPLAINED = (None, LOST, HTTPStatus.OK, HTTPStatus.ACCEPTED, *_REFUSALS)
_LOOKS = frozenset((LOST, HTTPStatus.OK, *_REFUSALS))
"""What a look at an accepted task may be told: that there is no such task is wrong."""


def _seconds_refused(requests: Sequence[Request]) -> float:
    """Of a constant load."""
    sent = [request.sent_at for request in requests]
    refused = sum(request.status in _REFUSALS for request in requests)
    return refused * (max(sent) - min(sent)) / len(sent) if sent else 0.0


def _late(request: Request, margin: float) -> bool:
    if request.slowest_look > COMMAND_SECONDS + margin:
        return True
    if request.seconds is None:
        return False
    bound = request.deadline if request.kind is Kind.SYNC else ACCEPT_SECONDS
    return request.seconds > bound + margin


def back_after(requests: Iterable[Request], healed_at: float) -> float | None:
    """Seconds from ``healed_at`` until the first time that is steady; None: there is none."""
    sent = sorted((r for r in requests if r.sent_at >= healed_at), key=lambda r: r.sent_at)
    began = healed_at
    for request in sent:
        if not request.good:
            began = request.sent_at
        elif request.sent_at - began >= STEADY_SECONDS:
            return began - healed_at
    return None
