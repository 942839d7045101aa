"""The table of hostile messages."""

import bz2
import gzip
import json
import lzma
import pickle
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.builders import a_row
from tests.hostile.encoding import Raw, nested, properties, short, timestamp, value

DEEP = 3_000
GOOD_BODY = json.dumps([[[a_row()]], {}, {}]).encode()
_BOMB = bz2.compress(bytes(1_000_000_000 // 8))
_NO_UTF8 = b"\xff\xfe\xc0"


class Hostile(NamedTuple):
    """A message, as bytes of its properties and of its body."""

    name: str
    encoded: bytes
    body: bytes
    task_id: str = ""
    """Of a task whose caller must be told a failure; empty where nobody could be."""


def _message(
    name: str,
    headers: Mapping[Any, object] | bytes | None = None,
    body: bytes = GOOD_BODY,
    *,
    task_id: str = "",
    **others: Any,
) -> Hostile:
    sent = {"content_type": "application/json", "content_encoding": "utf-8", **others}
    if headers is not None:
        sent["headers"] = headers
    return Hostile(name, properties(sent), body, task_id)


def _task(name: str, body: bytes = GOOD_BODY, *, told: bool = True, **sent: Any) -> Hostile:
    """A task of this service with something wrong about it; ``told``: its caller hears of it."""
    task_id = f"hostile-{name.replace(' ', '-')}"
    headers = {"task": "pick_regno", "id": task_id, **sent.pop("headers", {})}
    return _message(name, headers, body, task_id=task_id if told else "", **sent)


_VALUES: Mapping[str, object] = {
    "a list": [],
    "a list of tables": [{"a": 1}],
    "a table": {},
    "a full table": {"a": {"b": [1]}},
    "a number": 5,
    "the largest number": 2**63 - 1,
    "NaN": float("nan"),
    "true": True,
    "void": None,
    "nothing": "",
    "no UTF-8": _NO_UTF8,
    "a lone surrogate": "\ud800",
    "a line break": "a\nb",
    "a terminal escape": "\x1b[2J\x1b]0;owned\x07",
    "a turn of direction": "\u202egnp.exe",
    "NUL": "\x00",
    "256 characters": "x" * 256,
    "100,000 characters": "x" * 100_000,
    "a timestamp": timestamp(1_700_000_000),
    "the largest timestamp": timestamp(2**64 - 1),
    "a timestamp of 2^62": timestamp(2**62),
    "a timestamp of the year 10000": timestamp(253_402_300_800),
    "tables in tables": nested(b"F", DEEP),
    "arrays in arrays": nested(b"A", DEEP),
    "a decimal of 255 places": Raw(b"D\xff\x7f\xff\xff\xff"),
    "raw bytes": Raw(b"x\x00\x00\x00\x02\xff\x00"),
}
"""What a header may be in place of text."""


def _headers() -> Iterator[Hostile]:
    for kind, item in _VALUES.items():
        yield _message(f"task is {kind}", {"task": item, "id": "hostile"})
        yield _message(f"id is {kind}", {"task": "pick_regno", "id": item})
        yield _message(f"unknown task, id is {kind}", {"task": "no.such.task", "id": item})
        yield _message(
            f"group is {kind}",
            {"task": "pick_regno", "id": "hostile", "group": item, "group_index": 0, "chunks": 2,
             "first_row": 0},
        )  # fmt: skip
        name = f"an unused header is {kind}"
        yield _message(name, {"task": [], "id": "hostile", "anything": item})
    yield _message("no headers")
    yield _message("no id", {"task": "pick_regno"})
    yield _message("no task", {"id": "hostile"})
    yield _message("a header name that is no UTF-8", {_NO_UTF8: "x", "task": []})
    yield _message("a header without a name", {"": "x", "task": []})
    indices: list[Any] = [-1, 5, 2**62, "x", [], float("inf")]
    for index in indices:
        headers = {"group": "array", "group_index": index, "chunks": 2, "first_row": 0}
        yield _task(f"chunk {index}", headers=headers, told=False)
    totals: list[Any] = [0, -1, "x", []]
    for total in totals:
        headers = {"group": "array", "group_index": 0, "chunks": total, "first_row": 0}
        yield _task(f"one of {total} chunks", headers=headers, told=False)


def _answered() -> Iterator[Hostile]:
    for kind in ("a list", "a table", "a number", "a line break", "no UTF-8", "256 characters"):
        yield _task(f"request_id is {kind}", headers={"request_id": _VALUES[kind]})
        yield _task(f"expires is {kind}", headers={"expires": _VALUES[kind]})
    yield _task("expires on no day", headers={"expires": "2026-02-30T00:00:00"})
    yield _task("eta", headers={"eta": "2036-01-01T00:00:00"})
    yield _task("eta is a list", headers={"eta": [1]})
    for name, content in {
        "bzip2": bz2.compress(GOOD_BODY),
        "gzip": gzip.compress(GOOD_BODY),
        "zlib": zlib.compress(GOOD_BODY),
        "lzma": lzma.compress(GOOD_BODY),
        "a bomb of bzip2": _BOMB,
    }.items():
        header = {"compression": f"application/x-{name.rpartition(' ')[2]}"}
        yield _task(f"compressed, {name}", content, headers=header)
    yield _task("compressed by nobody knows what", headers={"compression": "x"})
    yield _task("compression is a list", headers={"compression": [1]})
    for encoding in ("punycode", "idna", "utf-16", "zip", "rot13", "unicode_escape", "x" * 255):
        yield _task(f"encoded as {encoding[:20]}", content_encoding=encoding)
    yield _task("pickle", pickle.dumps(5), content_type="application/x-python-serialize")
    for kind in ("application/x-yaml", "application/x-msgpack", "text/plain", "x" * 255, ""):
        yield _task(f"content type {kind[:30]}", content_type=kind)
    yield _message(
        "another task",
        {"task": "no.such.task", "id": "hostile-another-task"},
        task_id="hostile-another-task",
    )


def _bodies() -> Iterator[Hostile]:
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    follower = {"task": "pick_regno", "args": [], "kwargs": {}, "options": {}}
    bodies: dict[str, object] = {
        "null": None,
        "a number": 5,
        "an object": {},
        "two parts": [[], {}],
        "no arguments": [[], {}, {}],
        "two arguments": [[[a_row()], 5], {}, {}],
        "an unknown argument": [[], {"lines": []}, {}],
        "no rows": [[[]], {}, {}],
        "rows that are a number": [[5], {}, {}],
        "a row that is null": [[[None]], {}, {}],
        "too many rows": [[[a_row()] * 1001], {}, {}],
        "a wrong field": [[[a_row(direction="north")]], {}, {}],
        "embedded text": [[[a_row()]], {}, "x"],
        **{f"embedded {name}": [[[a_row()]], {}, embed | {name: [follower]}] for name in embed},
    }
    for name, content in bodies.items():
        yield _task(f"the body is {name}", json.dumps(content).encode())
    for name, raw in {
        "empty": b"",
        "no JSON": b"{",
        "no UTF-8": _NO_UTF8,
        "deep": b"[" * 100_000,
        "deep where it is not read": b'[[[1]],{},{"x":' + b"[" * 100_000,
        "NaN": b"[[[NaN]],{},{}]",
        "a megabyte": b" " * 1_000_000,
        "a lone surrogate": b'[[["\\ud800"]],{},{}]',
    }.items():
        yield _task(f"the body is {name}", raw)


def _protocol_1() -> Iterator[Hostile]:
    told: dict[str, Any] = {"task": "pick_regno", "id": "hostile-old", "args": [], "kwargs": {}}
    yield _message("protocol 1", None, json.dumps(told).encode(), task_id="hostile-old")
    others: dict[str, Any] = {"a list": [], "null": None, "a number": 5, "text": "a\nb"}
    for name, item in others.items():
        for field in ("id", "task"):
            body = json.dumps(told | {field: item}).encode()
            yield _message(f"protocol 1, {field} is {name}", None, body)
    for name, raw in {"empty": b"", "a list": b"[]", "deep": b"[" * 100_000}.items():
        yield _message(f"protocol 1, the body is {name}", None, raw)
    yield _message(
        "protocol 1, pickle", None, pickle.dumps(told), content_type="application/x-pickle"
    )


def _properties() -> Iterator[Hostile]:
    headers: dict[Any, object] = {"task": "pick_regno", "id": "hostile"}
    for name in ("content_type", "content_encoding", "correlation_id", "reply_to", "message_id",
                 "type", "app_id"):  # fmt: skip
        no_text: dict[str, Any] = {name: _NO_UTF8}
        yield _message(f"{name} is no UTF-8", headers, **no_text)
    for seconds in (2**64 - 1, 2**63, 2**62, 253_402_300_800):
        yield _message(f"timestamp {seconds}", headers, timestamp=seconds)
    yield _message("a value of an unknown type", {**headers, "x": Raw(b"Z\x00")})
    item = short(b"x") + value("text")
    cut = len(item).to_bytes(4, "big") + item[:-2]
    yield _message("a table that ends early", cut)


def hostile_messages() -> list[Hostile]:
    """All of them, each under a name of its own."""
    sources = (_headers(), _answered(), _bodies(), _protocol_1(), _properties())
    return [message for source in sources for message in source]
