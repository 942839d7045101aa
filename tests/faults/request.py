"""One request of the load and everything that its caller learned of it."""

import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus


class Kind(StrEnum):
    """How a request is made."""

    SYNC = "sync"
    """``POST /v1/predict``: the caller waits."""
    ASYNC = "async"
    """``POST /v1/tasks`` with an idempotency key, then ``GET`` until it has ended."""


DEADLINE_SECONDS = 2.0
"""Of a synchronous request that names none."""

LOST = 0
"""The status of a call whose connection ended before its answer."""

_ENDED = ("done", "failed", "expired", "cancelled")


@dataclass(slots=True)
class Request:
    """Instants are of the monotonic clock, in seconds."""

    kind: Kind
    row: int
    """Number of its row, and so of the right answer."""
    sent_at: float
    deadline: float = DEADLINE_SECONDS
    """Seconds that the caller of a synchronous one waits."""
    key: str = ""
    """Idempotency key of an asynchronous one."""
    under_way: bool = False
    """Whether a call of it waits for its answer."""
    ended_at: float | None = None
    """When the answer to the POST came; None: never."""
    status: int | None = None
    """Of the POST."""
    body: bytes = b""
    """Of the POST, where it is neither 200 nor 202."""
    unsaid: bool = False
    """Whether it was told 503 without when to come back."""
    cut: bool = False
    """Whether the POST was lost; it stays so when it is sent again."""
    right: bool | None = None
    """Whether its answer was the right one, where it got one."""
    task_id: str = ""
    """Of an accepted one."""
    end: str = ""
    """``done``, ``failed``, ``expired`` or ``cancelled``: how the accepted task ended."""
    answer: bytes = b""
    """What the caller was told when it had ended."""
    other_answer: bytes = b""
    """What the caller was told later, where that was something else."""
    looks: list[int] = field(default_factory=list)
    """The status of each GET that has ended."""
    slowest_look: float = 0.0
    """Seconds that the slowest GET took beyond what it asked to wait."""

    @property
    def seconds(self) -> float | None:
        """How long the POST took."""
        return None if self.ended_at is None else self.ended_at - self.sent_at

    @property
    def good(self) -> bool:
        """Whether the caller got what it came for: the right answer, or an accepted task."""
        if self.kind is Kind.SYNC:
            return self.status == HTTPStatus.OK and self.right is True
        return self.status == HTTPStatus.ACCEPTED and not self.cut

    def note_answer(self, status: int, body: bytes, *, retry_after: bool = False) -> None:
        """Notes what has come of the POST; ``retry_after`` is whether it had that header."""
        self.ended_at = time.monotonic()
        self.status = status
        self.cut = status == LOST
        self.unsaid = status == HTTPStatus.SERVICE_UNAVAILABLE and not retry_after
        if status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            self.body = body[:300]

    def note_look(self, status: int, body: bytes, expected: bytes) -> None:
        """Notes what has come of a GET. Once it has told an end, what it tells stays the same."""
        self.looks.append(status)
        if status != HTTPStatus.OK:
            return
        told = json.loads(body)["status"]
        if self.end and body != self.answer:
            self.other_answer = body
        elif not self.end and told in _ENDED:
            self.end, self.answer = told, body
            self.right = expected in body
