"""The body of an HTTP request as bytes: its content coding undone, its text in UTF-8."""

import codecs
import io
import json
import time
import zlib

from flask import Request

from api.server.messages import BODY
from shared.errors import MalformedBody, TooLarge, UnsupportedCoding, UnsupportedContent

JSON, CSV = "application/json", "text/csv"
MEDIA_TYPES = (JSON, CSV)
CODING = "gzip"
"""The only content coding that is read."""
CHARSETS = ("utf-8", "utf-16", "windows-1251")
"""What ``charset`` in a content type may say, or an alias of it."""

_GZIP_NAMES = frozenset((CODING, "x-gzip"))  # RFC 9110 section 8.4.1.3
_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # https://docs.python.org/3/library/zlib.html
_STEP_BYTES = 256 * 1024
"""Of decompressed content, after which other requests have their turn."""
_NAME_THE_CHARSET = (
    ". Send UTF-8, or name the charset, as in `Content-Type: text/csv; charset=windows-1251`"
)
_ACCEPTED_CODECS = frozenset(
    codecs.lookup(name).name for name in (*CHARSETS, "utf-16-le", "utf-16-be")
)


def body_of(request: Request) -> bytes:
    """The whole body, decompressed.

    Raises UnsupportedCoding, MalformedBody, TooLarge. A body over the limit of bytes as it was
    sent is werkzeug's RequestEntityTooLarge.
    """
    environ = request.environ
    body: bytes | None = environ.get(BODY)
    if body is None:
        body = request.get_data()
    if "HTTP_CONTENT_ENCODING" not in environ:
        return body
    codings = [name.strip().lower() for name in environ["HTTP_CONTENT_ENCODING"].split(",")]
    applied = [name for name in codings if name not in ("", "identity")]
    if applied:
        if len(applied) > 1 or applied[0] not in _GZIP_NAMES:
            raise UnsupportedCoding(
                f"Content-Encoding must be {CODING} or absent, not {', '.join(applied)}"
            )
        body = _gunzip(body, request.max_content_length)
    del environ["HTTP_CONTENT_ENCODING"]  # undone, for whoever asks for the body again
    environ[BODY] = body
    return body


def release_body(request: Request) -> None:
    """Forgets the body: nobody may ask for it any more."""
    request.environ.pop(BODY, None)
    request.environ["wsgi.input"] = io.BytesIO()


def _gunzip(body: bytes, limit: int | None) -> bytes:
    """Raises MalformedBody, and TooLarge as soon as the content is larger than ``limit`` bytes."""
    stream = zlib.decompressobj(_GZIP_FORMAT)
    content = bytearray()
    rest = body
    try:
        while not stream.eof:
            piece = stream.decompress(rest, _STEP_BYTES)
            content += piece
            rest = stream.unconsumed_tail
            if limit is not None and len(content) > limit:
                raise TooLarge(f"The decompressed body has more than {limit} bytes")
            if not piece and not rest and not stream.eof:
                raise MalformedBody("The gzip content is cut short")
            time.sleep(0)
    except zlib.error as error:
        raise MalformedBody(f"Not gzip: {error}") from error
    if stream.unused_data:
        raise MalformedBody("The gzip content has bytes after its end")
    return bytes(content)


def codec_of(charset: str | None) -> str | None:
    """The codec for a content type's ``charset``; None where it says none.

    Raises UnsupportedContent for a charset that is not read.
    """
    if charset is None:
        return None
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):  # unknown, or no text at all
        name = ""
    if name not in _ACCEPTED_CODECS:
        raise UnsupportedContent(f"charset must be {', '.join(CHARSETS)}, not {charset}")
    return name


def text_of(body: bytes, codec: str | None) -> str:
    """The body as text: by its byte order mark, else by ``codec``, else UTF-16 or UTF-8.

    Raises MalformedBody, naming the first byte that does not fit.
    """
    detected = json.detect_encoding(body)
    if detected != "utf-8":  # a byte order mark, or the null bytes of UTF-16 or UTF-32
        codec = detected
    try:
        return body.decode(codec or detected)
    except UnicodeDecodeError as error:
        advice = "" if codec else _NAME_THE_CHARSET
        raise MalformedBody(
            f"Not {codec or detected}: {error.reason} at byte {error.start}{advice}"
        ) from error
