"""How long a caller is ready to wait, from the query string or the Prefer header."""

import re
from typing import NamedTuple

from flask import Request

from api.server.patience import read_prefer
from shared.errors import InvalidParameter

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number as JSON writes it; ``float`` alone would read ``1_0`` and ``infinity`` too."""


class Wish(NamedTuple):
    """What a caller asked for; ``applied`` is what to say in Preference-Applied."""

    timeout: float
    """Seconds."""
    respond_async: bool
    applied: str


def seconds_parameter(request: Request, name: str, default: float, longest: float) -> float:
    """A query parameter in seconds, 0..``longest``. Raises InvalidParameter."""
    text = request.args.get(name)
    if text is None:
        return default
    if not _SECONDS.fullmatch(text) or float(text) > longest:
        raise InvalidParameter(f"Expected seconds from 0 to {longest:g}", name)
    return float(text)


def read_wish(request: Request, default: float, longest: float) -> Wish:
    """``?timeout=`` and the Prefer header (RFC 7240) of a synchronous call.

    A parameter that cannot be kept is an error; a preference is only a wish, so a longer
    wait than ``longest`` is cut and an unreadable one ignored. Raises InvalidParameter.
    """
    if not request.query_string and "Prefer" not in request.headers:
        return Wish(default, False, "")  # nearly every call: no need to look closer
    preferred, respond_async = read_prefer(",".join(request.headers.getlist("Prefer")))
    applied = ["respond-async"] if respond_async else []
    if preferred is not None and "timeout" not in request.args:
        wait = min(preferred, longest)
        applied.append(f"wait={wait:g}")
        default = wait
    timeout = seconds_parameter(request, "timeout", default, longest)
    return Wish(timeout, respond_async, ", ".join(applied))
