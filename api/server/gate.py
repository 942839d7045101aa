"""Which requests are admitted by which lane, and what a refused one is told, at next to no cost.

A refusal is made before the application sees the request: under five times the load that can be
answered, most of the work would otherwise be saying no.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from api.server.admission import Admission
from api.server.messages import Environ, encode_response, problem_body
from api.server.turning_away import read_plain_post

RETRY_AFTER_SECONDS = 1
_DETAIL = "Too many requests are waiting: come back later"
_STATUS = "503 SERVICE UNAVAILABLE"
_ID_CHARACTER = b"?"
"""In no request id, and nowhere else in a refusal."""


class Entrance(NamedTuple):
    """One call that gives workers work."""

    path: str
    lane: Admission
    customer_form: bool
    """Whether its errors are told in the customer's form."""


class Gate:
    """Lets requests for work in by their lane's admission, and everything else freely."""

    def __init__(
        self,
        entrances: Mapping[str, Entrance],
        request_id: Callable[[str], str],
        refused: Callable[[str, int], None],
    ) -> None:
        """``entrances`` by path. ``request_id`` makes an answer's id from what the caller sent.

        ``report`` tells ``refused`` how many requests for a path have been refused.
        """
        self._entrances = entrances
        self._lanes = list({id(e.lane): e.lane for e in entrances.values()}.values())
        self._make_id = request_id
        self._refused = refused
        self._refusals: Counter[str] = Counter()

    def entrance(self, environ: Environ) -> Entrance | None:
        """The entrance a request takes; None for one that is admitted freely."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        path: str = environ["PATH_INFO"]
        if path.startswith("//"):
            path = "/" + path.lstrip("/")  # the application's routes are as forgiving
        return self._entrances.get(path)

    def request_id(self, environ: Environ) -> str:
        """The id under which a request is answered."""
        return self._make_id(environ.get("HTTP_X_REQUEST_ID", ""))

    def report(self) -> None:
        """Tells of the refusals since the last time.

        To be called about once a second: a metric counted up for each would cost as much as
        the refusal itself.
        """
        for path, count in self._refusals.items():
            self._refused(path, count)
        self._refusals.clear()

    def turn_away(self, data: bytes, now: float) -> bytes | None:
        """The refusal of a request that a client has sent, if it is one that nobody need parse.

        ``now`` is an instant of the lanes' clock.
        """
        for lane in self._lanes:
            if lane.full(now):
                break
        else:
            return None
        post = read_plain_post(data)
        entrance = None if post is None else self._entrances.get(post.path)
        if post is None or entrance is None or not entrance.lane.full(now):
            return None
        return self._refusal(entrance, self._make_id(post.request_id), keep_alive=True)

    def refusal(self, entrance: Entrance, environ: Environ, keep_alive: bool) -> bytes:
        """The whole response to a request that is not let in."""
        return self._refusal(entrance, self.request_id(environ), keep_alive)

    def _refusal(self, entrance: Entrance, request_id: str, keep_alive: bool) -> bytes:
        self._refusals[entrance.path] += 1
        same = _refusal_without_id(
            entrance.customer_form, keep_alive, len(request_id), int(time.time())
        )
        return same.replace(_ID_CHARACTER * len(request_id), request_id.encode())


@lru_cache(maxsize=64)
def _refusal_without_id(
    customer_form: bool, keep_alive: bool, id_length: int, _second: int
) -> bytes:
    """A whole refusal, with a row of ``_ID_CHARACTER`` in place of the request's id.

    ``_second`` because it carries the date.
    """
    request_id = _ID_CHARACTER.decode() * id_length
    if customer_form:
        kind = "application/json"
        body = f'{{"body":"{_DETAIL}","status":"fail"}}'.encode()
    else:
        kind = "application/problem+json"
        body = problem_body(HTTPStatus.SERVICE_UNAVAILABLE, _DETAIL, request_id)
    headers = [
        ("Content-Type", kind),
        ("Retry-After", str(RETRY_AFTER_SECONDS)),
        ("X-Request-ID", request_id),
    ]
    return encode_response(_STATUS, headers, body, keep_alive, head=False)


class Served(NamedTuple):
    """What the front door's worker needs to know of the application it serves."""

    gate: Gate
    max_body_bytes: int


SERVED = "regno_served"
"""Under this name it is found in the application's extensions."""
