"""Which requests are admitted by which lane, and what a refused one is told, at next to no cost.

A refusal is made before the application sees the request: under five times the load that can be
answered, most of the work would otherwise be saying no.
"""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from api.server.admission import Admission
from api.server.messages import Environ, encode_response
from api.server.patience import read_prefer, wait_asked_for
from api.server.turning_away import read_plain_post
from shared.metrics import Unexpected

RETRY_AFTER_SECONDS = 1
_DETAIL = "Too many requests are waiting: come back later"
_REFUSED = HTTPStatus.SERVICE_UNAVAILABLE


class Entrance(NamedTuple):
    """One call that gives workers work."""

    path: str
    lane: Admission
    customer_form: bool
    """Whether its errors are told in the customer's form."""
    longest_timeout: float | None = None
    """In seconds, where a caller may say how long it waits."""
    later: Admission | None = None
    """The lane of a request that prefers to be answered later, where one may."""

    def wanted(self, query: str, prefer: str) -> tuple[Admission, float | None]:
        """The lane that a request wants, and the seconds that it may expect to wait.

        None of them where it takes the lane's limit.
        """
        if self.longest_timeout is None or not (query or prefer):
            return self.lane, None
        if self.later is not None and read_prefer(prefer).respond_async:
            return self.later, None
        return self.lane, wait_asked_for(query, prefer, self.longest_timeout)


class Gate:
    """Lets requests for work in by their lane's admission, and everything else freely."""

    def __init__(
        self,
        entrances: Mapping[str, Entrance],
        request_id: Callable[[str], str],
        answered: Callable[[str, HTTPStatus], None],
    ) -> None:
        """``entrances`` by path. ``request_id`` makes an answer's id from what the caller sent.

        ``answered`` is told the path and status of every request that is answered here; it must
        cost next to nothing.
        """
        self._entrances = entrances
        self._lanes = list({id(e.lane): e.lane for e in entrances.values()}.values())
        self._make_id = request_id
        self._answered = answered

    def entrance(self, environ: Environ) -> Entrance | None:
        """The entrance a request takes; None for one that is admitted freely."""
        if environ["REQUEST_METHOD"] != "POST":
            return None
        path: str = environ["PATH_INFO"]
        if path.startswith("//"):
            path = "/" + path.lstrip("/")  # the application's routes are as forgiving
        return self._entrances.get(path)

    def let_in(self, entrance: Entrance, environ: Environ, now: float) -> "Place | None":
        """A request's place in its lane; None where it is refused.

        ``now`` is an instant of the lanes' clock.
        """
        lane, wait = entrance.wanted(environ["QUERY_STRING"], environ.get("HTTP_PREFER", ""))
        return Place(lane) if lane.enter(now, wait) else None

    def request_id(self, environ: Environ) -> str:
        """The id under which a request is answered."""
        return self._make_id(environ.get("HTTP_X_REQUEST_ID", ""))

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
        if post is None or entrance is None:
            return None
        lane, wait = entrance.wanted(post.query, post.prefer)
        if not lane.full(now, wait):
            return None
        return self._refusal(entrance, self._make_id(post.request_id), keep_alive=True)

    def refusal(self, entrance: Entrance, environ: Environ, keep_alive: bool) -> bytes:
        """The whole response to a request that is not let in."""
        return self._refusal(entrance, self.request_id(environ), keep_alive)

    def failure(self, environ: Environ, status: HTTPStatus, detail: str, request_id: str) -> bytes:
        """The response to what the application has not answered; then the client is hung up on.

        ``environ`` is empty where no head came that says what was asked.
        """
        entrance = self.entrance(environ) if environ else None
        if entrance is not None:
            self._answered(entrance.path, status)
        customer_form = entrance is not None and entrance.customer_form
        head = environ.get("REQUEST_METHOD") == "HEAD"
        return _encode(customer_form, status, detail, request_id, keep_alive=False, head=head)

    def _refusal(self, entrance: Entrance, request_id: str, keep_alive: bool) -> bytes:
        self._answered(entrance.path, _REFUSED)
        around = _around_id(entrance.customer_form, keep_alive, len(request_id), int(time.time()))
        return request_id.encode().join(around)


@lru_cache(maxsize=64)
def _around_id(
    customer_form: bool, keep_alive: bool, id_length: int, _second: int
) -> tuple[bytes, ...]:
    """A whole refusal in pieces, between which the request's id belongs.

    ``_second`` because it carries the date.
    """
    place = "?" * id_length  # in no request id, and nowhere else in a refusal
    whole = _encode(customer_form, _REFUSED, _DETAIL, place, keep_alive=keep_alive)
    return tuple(whole.split(place.encode()))


def _encode(
    customer_form: bool,
    status: HTTPStatus,
    detail: str,
    request_id: str,
    *,
    keep_alive: bool,
    head: bool = False,
) -> bytes:
    """A response of texts that hold nothing JSON would have to escape.

    A problem (RFC 9457), or the customer's form.
    """
    if customer_form:
        kind = "application/json"
        body = f'{{"body":"{detail}","status":"fail"}}'
    else:
        kind = "application/problem+json"
        body = (
            f'{{"title":"{status.phrase}","status":{status.value},"detail":"{detail}",'
            f'"request_id":"{request_id}"}}'
        )
    headers = [("Content-Type", kind), ("X-Request-ID", request_id)]
    if status is _REFUSED:
        headers.append(("Retry-After", str(RETRY_AFTER_SECONDS)))
    line = f"{status.value} {status.phrase.upper()}"
    return encode_response(line, headers, body.encode(), keep_alive, head)


class Place:
    """A request's place in its lane, given up once however often that is said."""

    __slots__ = ("_lane",)

    def __init__(self, lane: Admission) -> None:
        """``lane`` has let the request in."""
        self._lane: Admission | None = lane

    def leave(self) -> None:
        """The place is free for another."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.leave()


PLACE = "regno.place"
"""Environ key of the request's ``Place``. Absent where there is no gate."""


def give_up_place(environ: Environ) -> None:
    """Lets another request in for one that only waits from here on."""
    place = environ.get(PLACE)
    if place is not None:
        place.leave()


class Served(NamedTuple):
    """What the front door's worker needs to know of the application it serves."""

    gate: Gate
    max_body_bytes: int
    keep_alive: float
    """Seconds that an idle connection is kept."""
    knows_caller: Callable[[Environ], bool]
    """Whether a request's head shows that its caller may be served."""
    report: Callable[[], None]
    """Shows what was counted; to be called about once a second."""
    unexpected: Unexpected


SERVED = "regno_served"
"""Under this name it is found in the application's extensions."""
