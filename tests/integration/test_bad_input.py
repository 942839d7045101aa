"""Whatever is wrong with a request, every call says so alike and no worker hears of it."""

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from kombu.connection import Connection
from redis import Redis

from shared.queues import Lane
from shared.results import KEY_PREFIX
from shared.rows import FIELDS
from shared.settings import ApiSettings
from tests.builders import a_row, api_settings
from tests.stack import Client, Stack

PATHS = ("/reg/", "/v1/predict", "/v1/tasks")
JSON = "application/json"
CSV = "text/csv"
LIMITS: ApiSettings = api_settings()
TOO_MANY_BYTES = LIMITS.max_body_bytes + 1
DEEP = 100_000


class Bad(NamedTuple):
    """A request that must be refused, and how."""

    name: str
    body: bytes
    status: int
    pointer: str | None = None
    """Where the wrong field is; None where the answer names none."""
    content_type: str | None = JSON


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def written(field: str, text: str | bytes, **fields: Any) -> bytes:
    """A good row but for one field, whose value is this text as it stands."""
    raw = text.encode() if isinstance(text, str) else text
    return as_json(a_row(**{field: "<here>"}, **fields)).replace(b'"<here>"', raw)


def wrong(name: str, field: str, text: str | bytes, deeper: str = "") -> Bad:
    """A row whose field has a value that is JSON but not what the field wants."""
    return Bad(f"{field} {name}", written(field, text), 422, f"/{field}{deeper}")


def broken(name: str, body: bytes) -> Bad:
    """What is not JSON at all."""
    return Bad(name, body, 400)


def a_csv(header: str = ",".join(FIELDS), **cells: str) -> str:
    """A good line under a header, with some cells replaced."""
    good = a_row(afts_regno_ai_char_scores="[0.99]", afts_regno_ai_length_scores="[1]")
    return f"{header}\n{','.join(map(str, (good | cells).values()))}\n"


def wrong_csv(name: str, body: str | bytes, pointer: str | None, status: int = 422) -> Bad:
    raw = body.encode() if isinstance(body, str) else body
    return Bad(f"csv {name}", raw, status, pointer, CSV)


GOOD = as_json(a_row())
OTHER_TYPES = {
    "regno_recognize": "5",
    "afts_regno_ai": "[]",
    "recognition_accuracy": "{}",
    "afts_regno_ai_score": "[0.5]",
    "afts_regno_ai_char_scores": "0.99",
    "afts_regno_ai_length_scores": "true",
    "camera_type": "0.5",
    "camera_class": "false",
    "time_check": "1627808579",
    "direction": '"north"',
}
NUMBERS = ("recognition_accuracy", "afts_regno_ai_score", "direction")
SCORES = ("afts_regno_ai_char_scores", "afts_regno_ai_length_scores")
TEXTS = ("regno_recognize", "afts_regno_ai", "camera_type", "camera_class", "time_check")

WRONG_FIELDS = [
    *[wrong("of another type", field, text) for field, text in OTHER_TYPES.items()],
    *[Bad(f"{f} missing", as_json(a_row(**{f: ...})), 422, f"/{f}") for f in FIELDS],
    *[wrong("null", field, "null") for field in (*TEXTS, *SCORES)],
    *[wrong("a boolean", field, "true") for field in NUMBERS],
    *[wrong("a string", field, '"1"') for field in NUMBERS],
    *[wrong("out of range", field, "1e999") for field in NUMBERS],
    *[wrong("of 5000 digits", field, "9" * 5000) for field in NUMBERS],
    wrong("of 30 digits", "direction", "9" * 30),
    wrong("of 64 bits and one", "direction", str(2**63)),
    wrong("a fraction", "direction", "0.5"),
    wrong("a fraction of nothing", "direction", "1.0"),
    wrong("too long", "regno_recognize", as_json("А" * 33)),
    wrong("too long", "afts_regno_ai", as_json("А" * 33)),
    wrong("too long", "camera_type", as_json("К" * 65)),
    wrong("too long", "camera_class", as_json("К" * 65)),
    wrong("of 10 MB", "regno_recognize", as_json("А" * 5_000_000)),
]

WRONG_SCORES = [
    *[
        wrong(f"{name} in a string", field, as_json(text))
        for field in SCORES
        for name, text in {
            "nothing": "",
            "no JSON": "0.99 0.98",
            "an object": '{"0": 0.99}',
            "a number": "0.99",
            "null": "null",
            "nested": "[[0.99]]",
            "a string": '["0.99"]',
            "a null": "[0.99, null]",
            "a boolean": "[true]",
            "NaN": "[NaN]",
            "Infinity": "[Infinity]",
            "1e999": "[1e999]",
            "a trailing comma": "[0.99,]",
            "an open bracket": "[0.99",
            "trailing text": "[0.99] x",
            "too many": json.dumps([0.5] * 65),
            "endless nesting": "[" * DEEP,
        }.items()
    ],
    *[wrong("too many", field, as_json([0.5] * 65)) for field in SCORES],
    *[wrong("an object", field, "{}") for field in SCORES],
    *[wrong("a string inside", field, '[0.5, "0.5"]', "/1") for field in SCORES],
    *[wrong("a null inside", field, "[null]", "/0") for field in SCORES],
    *[wrong("a boolean inside", field, "[0.5, 0.5, true]", "/2") for field in SCORES],
    *[wrong("nested", field, "[[0.5]]", "/0") for field in SCORES],
    *[wrong("1e999 inside", field, "[1e999]", "/0") for field in SCORES],
]

WRONG_TIMES = [
    wrong(text or "empty", "time_check", as_json(text))
    for text in (
        "",
        "now",
        "2021-08-01",
        "2021-08-01T",
        "2021-08-01T25:00:00",
        "2021-08-01T24:00:00",
        "2021-08-01T09:60:00",
        "2021-02-30T09:02:59",
        "2021-13-01T09:02:59",
        "2021-08-01t09:02:59",
        "2021-W30-7T09:02:59",
        "2021-08-01T09:02:59+24:00",
        "2021-08-01T09:02:59+0360",
        "٢٠٢١-08-01T09:02:59",
        "2021-08-01T09:02:59\n",
        "01.08.2021 09:02:59",
    )
]

NOT_JSON = [
    broken("nothing", b""),
    broken("blank", b" \r\n"),
    broken("truncated", GOOD[:-1]),
    broken("truncated in a string", GOOD[:25]),
    broken("trailing characters", GOOD + b"x"),
    broken("two objects", GOOD + GOOD),
    broken("trailing comma in the object", GOOD[:-1] + b",}"),
    broken("trailing comma in the array", b"[" + GOOD + b",]"),
    broken("single quotes", GOOD.replace(b'"', b"'")),
    broken("a comment", b"// row\n" + GOOD),
    broken("a byte order mark twice", b"\xef\xbb\xbf" * 2 + GOOD),
    broken("UTF-16 that ends early", GOOD.decode().encode("utf-16")[:-1]),
    broken("cp1251", GOOD.decode().encode("cp1251")),
    broken("invalid UTF-8", written("regno_recognize", b'"\xff\xfe"')),
    broken("an encoded surrogate", written("regno_recognize", b'"\xed\xa0\x80"')),
    broken("a lone surrogate", written("regno_recognize", rb'"\ud800"')),
    broken("a surrogate pair the wrong way round", written("camera_type", rb'"\udc00\ud800"')),
    broken("a raw line break in a string", written("camera_type", b'"a\nb"')),
    broken("NUL", b"\x00"),
    broken("gzip", gzip.compress(GOOD)),
    broken("XML", b"<row/>"),
    broken("CSV", a_csv().encode()),
    *[broken(f"{field} NaN", written(field, "NaN")) for field in NUMBERS],
    *[broken(f"{field} Infinity", written(field, "-Infinity")) for field in NUMBERS],
    *[broken(f"{field} of NaN", written(field, "[NaN]")) for field in SCORES],
    *[broken(f"{field} with a trailing comma", written(field, "[0.5,]")) for field in SCORES],
    broken("a leading zero", written("direction", "01")),
    broken("objects without end", b'{"a":' * DEEP),
    broken("an unknown field without end", GOOD[:-1] + b',"a":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    broken("a known field without end", written("direction", b'{"a":' * DEEP)),
]
# A field of the wrong type is found before the end of the text that holds it.
NOT_JSON[-1] = NOT_JSON[-1]._replace(status=422, pointer="/direction")

WRONG_BODIES = [
    Bad("a number", b"5", 422, ""),
    Bad("a string", b'"text"', 422, ""),
    Bad("null", b"null", 422, ""),
    Bad("true", b"true", 422, ""),
    Bad("an empty object", b"{}", 422, "/regno_recognize"),
    Bad("an empty array", b"[]", 422, ""),
    Bad("an array of arrays", b"[[]]", 422, "/0"),
    Bad("an array in an array", b"[[" + GOOD + b"]]", 422, "/0"),
    Bad("an array with a number", b"[" + GOOD + b",5]", 422, "/1"),
    Bad("an array with null", b"[null]", 422, "/0"),
    Bad("arrays without end", b"[" * DEEP, 422, "/0"),
    Bad("a bad second row", as_json([a_row(), a_row(direction="1")]), 422, "/1/direction"),
    Bad("a bad last row", as_json([a_row()] * 9 + [a_row(time_check="")]), 422, "/9/time_check"),
    Bad(
        "a bad score of the second row",
        as_json([a_row(), a_row(afts_regno_ai_char_scores=[0.5, None])]),
        422,
        "/1/afts_regno_ai_char_scores/1",
    ),
    Bad("1001 rows", as_json([a_row()] * 1001), 413),
    Bad("10 MB of rows", as_json([a_row()] * 25_000), 413),
    Bad("too many bytes", b" " * TOO_MANY_BYTES, 413),
]

WRONG_CONTENT = [
    Bad(f"content type {kind}", GOOD, 415, None, kind)
    for kind in (
        "text/plain",
        "text/json",
        "application/xml",
        "application/octet-stream",
        "multipart/form-data; boundary=x",
        "application/json; charset=koi8-r",
        "application/json, text/csv",
    )
]

WRONG_CSV = [
    wrong_csv("nothing", "", "/regno_recognize"),
    wrong_csv("JSON", GOOD, "/regno_recognize"),
    wrong_csv("header alone", ",".join(FIELDS), ""),
    wrong_csv("no header", a_csv().split("\n")[1], "/regno_recognize"),
    wrong_csv("a missing column", a_csv(",".join(FIELDS[:-1])), "/direction"),
    wrong_csv("a bar between", a_csv().replace(",", "|"), "/regno_recognize"),
    wrong_csv("a column twice", a_csv(",".join((*FIELDS, "direction"))), "/direction"),
    wrong_csv("a million columns", "x," * 1_000_000, None, 413),
    wrong_csv("16 million commas", a_csv() + "," * 16_000_000, None, 413),
    wrong_csv("a short line", a_csv() + "А016ВК797\n", "/1"),
    wrong_csv("a long line", a_csv(direction="0,1"), "/0"),
    wrong_csv("a plate too long", a_csv(regno_recognize="А" * 33), "/0/regno_recognize"),
    wrong_csv("a wrong time", a_csv(time_check="01.08.2021"), "/0/time_check"),
    wrong_csv("a wrong score list", a_csv(afts_regno_ai_char_scores="[x]"), f"/0/{SCORES[0]}"),
    wrong_csv("no score list", a_csv(afts_regno_ai_length_scores=""), f"/0/{SCORES[1]}"),
    *[
        wrong_csv(f"{field} {cell}", a_csv(**{field: cell}), f"/0/{field}")
        for field in NUMBERS
        for cell in ("nan", "inf", "1_000", "1e999", "true", "one")
    ],
    wrong_csv("1001 rows", a_csv() + a_csv().split("\n")[1].join(["", "\n"]) * 1000, None, 413),
    wrong_csv("cp1251", a_csv().encode("cp1251"), None, 400),
    wrong_csv("an open quote", a_csv() + '"А', None, 400),
    wrong_csv("too many bytes", b" " * TOO_MANY_BYTES, None, 413),
]

TABLE = [
    *WRONG_FIELDS,
    *WRONG_SCORES,
    *WRONG_TIMES,
    *NOT_JSON,
    *WRONG_BODIES,
    *WRONG_CONTENT,
    *WRONG_CSV,
]


@pytest.fixture(scope="module")
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.environment["REGNO_REDIS_URL"]) as redis:
        yield redis


@pytest.fixture
def nobody_hears(redis: Redis) -> Iterator[None]:
    """Fails the test if a task was made meanwhile.

    A task leaves a key before its call is answered: when it is accepted, or by the worker
    that refused it.
    """
    before = set(redis.scan_iter(f"{KEY_PREFIX}*", count=10_000))
    yield
    assert set(redis.scan_iter(f"{KEY_PREFIX}*", count=10_000)) <= before


def refusal(client: Client, path: str, bad: Bad) -> tuple[int, str | None, str]:
    """The status, the pointer to the wrong field if any, and the text of an answer."""
    headers = {} if bad.content_type is None else {"Content-Type": bad.content_type}
    answer = client.post(path, data=bad.body, headers=headers)
    told = answer.json()
    if path == "/reg/":
        assert answer.headers["Content-Type"] == JSON
        assert set(told) == {"body", "status"}
        assert told["status"] == "fail"
        place = told["body"].partition(": ")[0]
        return answer.status_code, place if place.startswith("/") else None, told["body"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status_code
    [pointer] = [field["pointer"] for field in told.get("errors", [])] or [None]
    return answer.status_code, pointer, told["detail"]


@pytest.mark.usefixtures("nobody_hears")
@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.name[:60])
def test_every_call_refuses_it_alike(client: Client, bad: Bad) -> None:
    for path in PATHS:
        status, pointer, text = refusal(client, path, bad)
        assert status == bad.status, text
        assert text
        # The customer's form has no pointer to the whole body.
        assert pointer == ((bad.pointer or None) if path == "/reg/" else bad.pointer)


@pytest.mark.usefixtures("nobody_hears")
@pytest.mark.parametrize("path", PATHS)
def test_too_many_bytes_are_refused_though_nobody_said_how_many(client: Client, path: str) -> None:
    """Sent in chunks, a body has no length to look at first."""
    chunks = (b" " * 65_536 for _ in range(TOO_MANY_BYTES // 65_536 + 1))
    answer = client.post(path, data=chunks, headers={"Content-Type": JSON})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", PATHS)
def test_a_body_sent_in_chunks_is_read(client: Client, path: str) -> None:
    chunks = (GOOD[at : at + 50] for at in range(0, len(GOOD), 50))
    answer = client.post(path, data=chunks, headers={"Content-Type": JSON})
    assert answer.status_code in (200, 202), answer.text


@pytest.mark.usefixtures("nobody_hears")
@pytest.mark.parametrize("task_id", ["x", "%00", "%ff", "..", "*", "%0d%0a", "a" * 3000, "%F0%9F"])
def test_an_odd_task_id_is_an_unknown_one(client: Client, task_id: str) -> None:
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/v1/tasks/{task_id}")
        assert answer.status_code == 404, answer.text
        assert answer.json()["status"] == 404


def test_the_queues_are_empty_and_good_requests_are_answered_after_all_that(
    stack: Stack, client: Client
) -> None:
    for bad in TABLE[::10]:
        refusal(client, "/v1/predict", bad)
        assert client.post("/reg/", json=a_row()).status_code == 200
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        for lane in Lane:
            queue = connection.default_channel.queue_declare(lane.value, passive=True)
            assert queue.message_count == 0
