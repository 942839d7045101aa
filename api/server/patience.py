"""How long a request may expect to wait, as far as its head tells: what admission goes by."""

import re

_TIMEOUT = re.compile(r"(?:^|&)timeout=([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:&|$)")
_PREFER = re.compile(r'(?:^|[,\s])wait=("?)([0-9]{1,9})\1(?:[,\s]|$)', re.IGNORECASE)
_LATER = re.compile(r"(?:^|[,\s])respond-async(?:[,;\s]|$)", re.IGNORECASE)

SHARE_OF_WAITING = 0.5
"""Of the time until a caller's deadline: the rest is for its batch and the way back."""


def prefers_later(prefer: str) -> bool:
    """Whether a Prefer header asks for an answer that may come later."""
    return _LATER.search(prefer) is not None


def wait_asked_for(query: str, prefer: str, longest: float) -> float | None:
    """Seconds that a request may expect to wait, by ``?timeout=`` or the Prefer header.

    None where neither says, or not plainly: the application reads both with more care, and refuses
    what is wrong. ``longest`` is the longest timeout that it grants, in seconds.
    """
    found = _TIMEOUT.search(query)
    text = found[1] if found else None
    if text is None and "timeout=" not in query:
        preferred = _PREFER.search(prefer)
        text = preferred[2] if preferred else None
    return None if text is None else min(float(text), longest) * SHARE_OF_WAITING
