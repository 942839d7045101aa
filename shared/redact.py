"""Keeps secrets, and what callers have sent, out of texts that leave the process.

Two nets. What is known is taken out exactly: the process's own keys and passwords, and every value
of the request that a text is about. What nobody foresaw is recognised by its shape: a plate.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from shared.features import PLATE_TEMPLATES
from shared.rows import FIELDS

SECRET, SENT = "[secret]", "[sent]"

_MIN_SECRET_CHARS = 8
"""A shorter one is no secret, and would be found in the middle of words."""

_MIN_SENT_CHARS = 2
_MIN_NUMBER_CHARS = 4
"""A shorter number says nothing of a reading, and is in every text."""

_SHAPES = "|".join(f"(?:{pattern.pattern})" for _, pattern in PLATE_TEMPLATES)
_PLATE = re.compile(rf"(?<!\w)(?:{_SHAPES})(?!\w)")
_BETWEEN_VALUES = re.compile(r'[\s,;:"\[\]{}]+')


class Redactor:
    """Takes out of texts what must not be in them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """``secrets`` in clear text."""
        known = {secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARS}
        longest_first = sorted(known, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def without_secrets(self, text: str) -> str:
        """The text without keys and passwords."""
        return text if self._secrets is None else self._secrets.sub(SECRET, text)

    def clean(self, text: str, sent: Sequence[str] = ()) -> str:
        """The text without secrets, without the values in ``sent`` and without plates."""
        text = self.without_secrets(text)
        for value in sent:
            if value in text:
                text = text.replace(value, SENT)
        return _PLATE.sub(SENT, text)


def secrets_in(environ: Mapping[str, str]) -> list[str]:
    """The keys and passwords among a process's settings."""
    keys = [key.strip() for key in environ.get("REGNO_API_KEYS", "").split(",")]
    urls = [environ.get(name, "") for name in ("REGNO_BROKER_URL", "REGNO_REDIS_URL")]
    return keys + [form for url in urls for form in _passwords(url)]


def _passwords(url: str) -> list[str]:
    """A URL's password as it stands there and as it is meant."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return []
    return [password, unquote(password)]


def texts_in(sent: object) -> list[str]:
    """The values of a request, as they might stand in a text; the longest first.

    ``sent`` is a body as it came, or rows.
    """
    if sent is None:
        return []
    values: set[str] = set()
    _collect(_decoded(sent), values)
    values |= {" ".join(value) for value in values}  # as the model is given plates
    # An error often quotes what it is about.
    quoted = (repr, ascii, json.dumps)
    forms = values | {quote(value)[1:-1] for value in values for quote in quoted}
    return sorted((f for f in forms if len(f) >= _MIN_SENT_CHARS), key=len, reverse=True)


def _decoded(sent: object) -> object:
    if not isinstance(sent, bytes):
        return msgspec.to_builtins(sent)
    try:
        return msgspec.json.decode(sent)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = sent.decode(errors="replace")  # CSV, or nothing that can be read
        return [word for word in _BETWEEN_VALUES.split(text) if word not in FIELDS]


def _collect(value: Any, values: set[str]) -> None:
    if isinstance(value, str):
        values.add(value)
    elif isinstance(value, float):
        number = repr(value)
        if len(number) >= _MIN_NUMBER_CHARS:
            values.add(number)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, values)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, values)
