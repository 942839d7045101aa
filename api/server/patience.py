"""How long a request may expect to wait, as far as its head tells: what admission goes by."""

import re
from typing import NamedTuple

_TIMEOUT = re.compile(r"(?:^|&)timeout=([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:&|$)")
_WAIT = re.compile(r'wait=("?)([0-9]{1,9})\1')

SHARE_OF_WAITING = 0.5
"""Of the time until a caller's deadline: the rest is for its batch and the way back."""


class Preferences(NamedTuple):
    """What a Prefer header asks for (RFC 7240). What cannot be read of it is ignored."""

    wait: int | None
    """Seconds."""
    respond_async: bool


def read_prefer(prefer: str) -> Preferences:
    """The preferences of a header's text; of several headers, joined by commas."""
    wait, respond_async = None, False
    for preference in prefer.lower().split(","):
        text = preference.strip()
        found = _WAIT.fullmatch(text)
        if found and wait is None:
            wait = int(found[2])
        respond_async = respond_async or text == "respond-async"
    return Preferences(wait, respond_async)


def wait_asked_for(query: str, prefer: str, longest: float) -> float | None:
    """Seconds that a request may expect to wait, by ``?timeout=`` or the Prefer header.

    None where neither says, or not plainly: the application reads both with more care, and refuses
    what is wrong. ``longest`` is the longest timeout that it grants, in seconds.
    """
    found = _TIMEOUT.search(query)
    asked = float(found[1]) if found else None
    if asked is None and "timeout=" not in query:
        asked = read_prefer(prefer).wait
    return None if asked is None else min(asked, longest) * SHARE_OF_WAITING
