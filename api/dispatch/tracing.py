"""The trace that a request belongs to, on its way through dispatching. No tracing library here."""

from contextvars import ContextVar
from typing import Protocol

from api.dispatch.publisher import Done
from shared.queues import Lane
from shared.results import RawResult
from shared.trace_context import TraceContext

CURRENT_TRACE: ContextVar[TraceContext | None] = ContextVar("trace", default=None)
"""Of the request that this thread or greenlet answers: what the caller sent, or its own span."""


class DispatchTracing(Protocol):
    """Makes the spans of dispatching."""

    def publishing(
        self, request: TraceContext, lane: Lane, task_id: str, done: Done
    ) -> tuple[TraceContext, Done]:
        """Begins the span of publishing: what its messages carry, and what to call in the end."""

    def heard(self, request: TraceContext, result: RawResult) -> None:
        """The answer to a request has come."""
