"""HTTP/1.1 messages as WSGI has them: what a parsed request becomes and how a response is sent.

WSGI: https://peps.python.org/pep-3333/. HTTP/1.1: https://www.rfc-editor.org/rfc/rfc9112
"""

import io
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import httptools

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Callable[[bytes], object]]], Iterable[bytes]]

BODY = "regno.body"
"""Environ key of a whole body, for who would rather not read it through a stream."""

_TARGET_CHARSET = "latin-1"  # WSGI strings hold bytes


_KEPT_NAME_BYTES = 64
"""Longer header names are rare, and shall not fill the memory."""


def environ_name(header: bytes) -> str:
    """The environ key of a header.

    Empty for a name with an underscore: WSGI could not tell it from the one with a dash, so a
    client could pass one header off as another that a proxy has checked.
    """
    return _known_name(header) if len(header) <= _KEPT_NAME_BYTES else _made_name(header)


def _made_name(header: bytes) -> str:
    if b"_" in header:
        return ""
    name = header.decode().upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


_known_name = lru_cache(maxsize=1024)(_made_name)  # clients repeat a few names


class HttpRequest:
    """One request as far as it has been read."""

    __slots__ = (
        "body",
        "body_bytes",
        "environ",
        "expects_continue",
        "head_done",
        "keep_alive",
        "known",
        "target",
    )

    def __init__(self, base: Mapping[str, Any]) -> None:
        """``base`` is what all requests of a connection have in their environ."""
        self.environ: Environ = dict(base)
        self.target = b""
        self.body = bytearray()
        self.body_bytes = 0
        """Size of a whole body."""
        self.head_done = False
        self.expects_continue = False
        """The body comes once the client has been told to go on."""
        self.keep_alive = True
        self.known = False
        """Whether its caller is known to be one who may be served."""

    def add_header(self, header: bytes, value: bytes) -> None:
        """A header line. Repeated ones are joined, as RFC 9110 section 5.2 allows."""
        name = environ_name(header)
        if not name:
            return
        text = value.decode(_TARGET_CHARSET).strip(" \t")
        earlier = self.environ.get(name)
        self.environ[name] = text if earlier is None else f"{earlier},{text}"

    def finish_head(self, method: str, version: str) -> None:
        """All headers are there. Raises httptools.HttpParserInvalidURLError."""
        environ = self.environ
        environ["PATH_INFO"], environ["QUERY_STRING"] = split_target(self.target, method)
        environ["REQUEST_METHOD"] = method
        environ["SERVER_PROTOCOL"] = f"HTTP/{version}"
        if "HTTP_EXPECT" in environ and version == "1.1":
            self.expects_continue = environ["HTTP_EXPECT"].lower() == "100-continue"
        self.head_done = True

    def finish_body(self, *, complete: bool) -> None:
        """All of the body is there, whichever way it was framed; or it is cut, being too large."""
        body, self.body = bytes(self.body), bytearray()
        self.body_bytes = len(body)
        if self.environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
            # It has been undone. While werkzeug sees it, it takes no length to be known.
            self.environ["CONTENT_LENGTH"] = str(len(body))
        self.environ["wsgi.input"] = io.BytesIO(body)
        if complete:
            self.environ[BODY] = body


def split_target(target: bytes, method: str) -> tuple[str, str]:
    """Path, percent-decoded, and query of a request target, as WSGI's kind of strings.

    What ``CONNECT`` and ``OPTIONS *`` name is no path, and no route has it.

    Raises httptools.HttpParserInvalidURLError.
    """
    if not target.startswith(b"/"):
        if method == "CONNECT" or (target == b"*" and method == "OPTIONS"):
            return target.decode(_TARGET_CHARSET), ""
        url = httptools.parse_url(target)
        path, query = url.path or b"/", url.query or b""
    else:
        path, _, query = target.partition(b"#")[0].partition(b"?")
    if b"%" in path:
        path = unquote_to_bytes(path)
    return path.decode(_TARGET_CHARSET), query.decode(_TARGET_CHARSET)


@lru_cache(maxsize=1)
def _date_line(second: int) -> bytes:
    """The Date header with its line end, made once a second (Unix time)."""
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()


def encode_response(
    status: str, headers: Iterable[tuple[str, str]], body: bytes, keep_alive: bool, head: bool
) -> bytes:
    """A whole response, with Content-Length. ``head`` leaves the body out, as HEAD asks.

    No cache may store it, unless its headers say what caches may do.
    """
    lines = [f"HTTP/1.1 {status}\r\n"]
    sized = status[:3] in ("204", "304")
    if sized:
        body = b""  # RFC 9112 section 6.3: they end with their head
    caching_said = False
    for name, value in headers:
        lines.append(f"{name}: {value}\r\n")
        lower = name.lower()
        if lower == "content-length":
            sized = True
        elif lower == "cache-control":
            caching_said = True
    if not caching_said:
        lines.append("Cache-Control: no-store\r\n")
    if not sized:
        lines.append(f"Content-Length: {len(body)}\r\n")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n")
    encoded = "".join(lines).encode(_TARGET_CHARSET)
    return b"".join((encoded, _date_line(int(time.time())), b"\r\n", b"" if head else body))


class AppResponse(NamedTuple):
    """What an application answers."""

    status: str
    """As in ``200 OK``."""
    headers: list[tuple[str, str]]
    body: bytes


def run_app(app: WsgiApp, environ: Environ) -> AppResponse:
    """The application's response to a request, complete: nothing here is large or endless."""
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: object = None
    ) -> Callable[[bytes], None]:
        started[:] = (status, headers)
        return written.append

    chunks = app(environ, start_response)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started
    return AppResponse(status, headers, b"".join(written))
