"""The place of a request in a distributed trace, as it travels in headers.

https://www.w3.org/TR/trace-context/. No tracing library: without one the headers are passed on.
"""

import re
from typing import NamedTuple

TRACEPARENT, TRACESTATE = "traceparent", "tracestate"

MAX_STATE_CHARS = 512
"""So much vendors may count on; what is longer is dropped rather than cut."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE = re.compile(r"[\x20-\x7e]*")
_NO_VERSION = "ff"
_SAMPLED = 1


class TraceContext(NamedTuple):
    """A span, and what is said of its trace."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits: the parent of what comes next."""
    flags: int
    state: str = ""
    """What vendors have to say, unread."""

    @property
    def sampled(self) -> bool:
        """Whether spans of this trace are to be recorded."""
        return bool(self.flags & _SAMPLED)

    def to_headers(self) -> dict[str, str]:
        """The headers that carry it on."""
        headers = {TRACEPARENT: f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        if self.state:
            headers[TRACESTATE] = self.state
        return headers


def read_trace(parent: object, state: object = None) -> TraceContext | None:
    """The context in the values of the two headers; None where there is none that counts."""
    found = _PARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == _NO_VERSION or (version == "00" and more):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    readable = isinstance(state, str) and len(state) <= MAX_STATE_CHARS and _STATE.fullmatch(state)
    return TraceContext(trace_id, span_id, int(flags, 16), str(state) if readable else "")
