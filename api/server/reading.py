"""Bytes in, requests out: all of reading HTTP/1.1 that needs no socket."""

import re
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPMethod, HTTPStatus
from typing import Any, NamedTuple

import httptools

from api.server.messages import Environ, HttpRequest

MAX_HEAD_BYTES = 64 * 1024
"""A head that is not complete with so many bytes is refused when more come."""
MAX_HEADER_LINES = 256
MAX_TARGET_BYTES = 8190
MAX_PORT = 65_535
_HOST = re.compile(
    r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)
"""RFC 3986 section 3.2.2; without the comma, by which several of these headers are joined."""
_METHOD = re.compile(rb"(?:^|\r\n)([!#$%&*+.^_|~0-9A-Za-z-]{1,40}) [^ \r\n]+ HTTP/1\.1\r\n")
_KNOWN_METHODS = frozenset(method.value.encode() for method in HTTPMethod)
MAX_LENGTH_DIGITS = 19
"""Of a Content-Length; more would not fit into 64 bits."""


class Refusal(NamedTuple):
    """What a client is told that has not sent a request which can be served."""

    status: HTTPStatus
    detail: str


class _Refused(Exception):
    """Stops the parser."""

    def __init__(self, status: HTTPStatus = HTTPStatus.BAD_REQUEST, detail: str = "") -> None:
        super().__init__(detail)
        self.refusal = Refusal(status, detail)


class RequestReader:
    """Reads the requests of one client, until it has ended.

    It is its own parser's listener, by httptools' names:
    https://github.com/MagicStack/httptools#apis
    """

    __slots__ = (
        "_again", "_base", "_lines", "_max_body_bytes", "_parser", "_unused", "ended", "ready",
        "refusal", "refused", "request",
    )  # fmt: skip

    def __init__(self, base: Mapping[str, Any], max_body_bytes: int) -> None:
        """``base``: what every request has in its WSGI environ."""
        self._base = base
        self._max_body_bytes = max_body_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._unused = 0  # bytes since something came of them
        self._lines = 0
        self._again = b""  # see _head_for_body
        self.request: HttpRequest | None = None
        """The one that is being read."""
        self.ready: deque[HttpRequest] = deque()
        """Those that have been read, for the caller to take; the last may be cut short."""
        self.ended = False
        """Nothing that comes now is read."""
        self.refusal: Refusal | None = None
        """What to say after the answers to all that is ready."""
        self.refused: HttpRequest | None = None
        """The request that is meant, where at least its head could be read."""

    @property
    def heading(self) -> HttpRequest | None:
        """The request whose head is being read."""
        request = self.request
        return None if request is None or request.head_done else request

    def feed(self, data: bytes) -> None:
        """Reads what a client has sent."""
        self._unused += len(data)
        while data and not self.ended:
            data = self._parse(data)
        if self._unused > MAX_HEAD_BYTES and self.request is not None:
            # A head, or what may stand around the pieces of a chunked body.
            too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.refuse(too_large, f"Expected headers of at most {MAX_HEAD_BYTES} bytes")

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """Reads no further, and has the client told why."""
        if not self.ended:
            if self.heading is None:
                self.refused = self.request
            self.end()
            self.refusal = Refusal(status, detail)

    def end(self) -> None:
        """Reads no further; what is ready stands."""
        self.ended = True
        self.request = None

    def ahead_bytes(self) -> int:
        """Bytes of the bodies of all requests that are here, whole or not."""
        whole = sum(request.body_bytes for request in self.ready)
        return whole + (0 if self.request is None else len(self.request.body))

    def drop(self) -> None:
        """Reads no further, and forgets what is ready."""
        self.end()
        self.ready.clear()
        self.refusal = None

    def take_expectation(self) -> bool:
        """Whether the client holds a body back until it is told to go on; true once."""
        request = self.request
        if request is None or not request.expects_continue or request.body:
            return False
        request.expects_continue = False
        return True

    def cut(self, request: HttpRequest) -> None:
        """Hands over a request without its body, for the application to say what is wrong."""
        request.keep_alive = False
        self._finish(request, complete=False)

    def _parse(self, data: bytes) -> bytes:
        """What is left to parse."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            offset: int = upgrade.args[0]
            return self._stay_with_http() + data[offset:]
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, _Refused):
                raise
            self.refuse(*cause.refusal)
        except httptools.HttpParserError as error:
            self.refuse(*_refusal_of(error, data))
        return b""

    def _stay_with_http(self) -> bytes:
        """What to parse before all that follows a request for another protocol."""
        head, self._again = self._again, b""
        if head:
            self._parser = httptools.HttpRequestParser(self)  # the old one may have closed
        return head

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.ended:
            raise _Refused
        if self.request is None:
            self.request = HttpRequest(self._base)
            self._lines = 0

    def on_url(self, part: bytes) -> None:
        """Some of the request target."""
        request = self._reading()
        if request.head_done:
            return
        request.target += part
        if len(request.target) > MAX_TARGET_BYTES:
            detail = f"Expected a target of at most {MAX_TARGET_BYTES} bytes"
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG, detail)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; those behind the body are of no use here."""
        request = self._reading()
        self._lines += 1
        if self._lines > MAX_HEADER_LINES:
            too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _Refused(too_large, f"Expected at most {MAX_HEADER_LINES} header lines")
        if not request.head_done:
            request.add_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        request, parser = self._reading(), self._parser
        if request.head_done:
            return
        try:
            request.finish_head(parser.get_method().decode(), parser.get_http_version())
        except httptools.HttpParserInvalidURLError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, "Expected a target that is a path") from error
        flaw = flaw_of(request.environ)
        if flaw is not None:
            raise _Refused(*flaw)
        self._unused = 0
        if int(request.environ.get("CONTENT_LENGTH") or 0) > self._max_body_bytes:
            self.cut(request)

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        request = self._reading()
        request.body += part
        self._unused = 0
        if len(request.body) > self._max_body_bytes:
            self.cut(request)

    def on_message_complete(self) -> None:
        """The request is there."""
        request = self._reading()
        environ = request.environ
        request.keep_alive = self._parser.should_keep_alive()
        if environ["REQUEST_METHOD"] == "CONNECT":
            # A tunnel is not opened, and what the client would send through it is not read.
            request.keep_alive = False
        elif "HTTP_UPGRADE" in environ and self._parser.should_upgrade():
            self._again = _head_for_body(request)
        if not self._again:
            self._finish(request, complete=True)

    def _reading(self) -> HttpRequest:
        if self.request is None:
            raise _Refused
        return self.request

    def _finish(self, request: HttpRequest, *, complete: bool) -> None:
        request.finish_body(complete=complete)
        self.ready.append(request)
        self.request = None
        self._unused = 0
        if not request.keep_alive:
            self.end()


def flaw_of(environ: Environ) -> Refusal | None:
    """Why a request with a well-formed head cannot be served, if it cannot.

    RFC 9112 sections 2.3 (version), 3.2 (Host) and 6.1 (Transfer-Encoding).
    """
    version = environ["SERVER_PROTOCOL"]
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Expected HTTP/1.1")
    host = environ.get("HTTP_HOST")
    # It may be empty, as that of a target without an authority is.
    if not is_host(host) if host else (host is None and version == "HTTP/1.1"):
        return Refusal(HTTPStatus.BAD_REQUEST, "Expected one Host header, of a host and its port")
    if len(environ.get("CONTENT_LENGTH", "")) > MAX_LENGTH_DIGITS:
        return Refusal(HTTPStatus.BAD_REQUEST, "Expected a shorter Content-Length")
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if version == "HTTP/1.0":
            return Refusal(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding")
        if coding.lower() != "chunked":
            return Refusal(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked")
    return None


def _head_for_body(request: HttpRequest) -> bytes:
    """Has the parser read the body of a request that asks for another protocol; empty if none.

    It stops behind the head of such a request, and would take the body for the next request.
    """
    environ = request.environ
    if "HTTP_TRANSFER_ENCODING" in environ:
        framing = "Transfer-Encoding: chunked"
    elif int(environ.get("CONTENT_LENGTH") or 0):
        framing = f"Content-Length: {environ['CONTENT_LENGTH']}"
    else:
        return b""
    connection = "keep-alive" if request.keep_alive else "close"
    return f"POST / HTTP/1.1\r\n{framing}\r\nConnection: {connection}\r\n\r\n".encode()


@lru_cache(maxsize=1024)
def is_host(host: str) -> bool:
    """Whether it is what RFC 9110 section 7.2 wants in Host: a name or an address, and a port."""
    found = _HOST.fullmatch(host)
    return found is not None and int(found[1] or 0) <= MAX_PORT


def _refusal_of(error: httptools.HttpParserError, data: bytes) -> Refusal:
    """What is said of bytes that the parser could not read; its own words are for its authors."""
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        unknown = [name for name in _METHOD.findall(data) if name not in _KNOWN_METHODS]
        if unknown:
            detail = f"The method {unknown[0].decode()} is not known"
            return Refusal(HTTPStatus.NOT_IMPLEMENTED, detail)
    return Refusal(HTTPStatus.BAD_REQUEST, "Expected a request as HTTP/1.1 writes it")
