"""Rows, the right answer to each, and the calls that are made of them."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from ops.bench.work import read_work
from ops.load.payloads import get_request
from tests.stack import API_KEY, SHIPPED_MODEL

LOOK_SECONDS = 5
"""What a caller asks to wait for the end of its task."""


class Work(NamedTuple):
    """By number of the row: its body, and the bytes that a right answer holds."""

    bodies: list[bytes]
    expected: list[bytes]

    def predict(self, row: int, deadline: float) -> bytes:
        """A whole synchronous request; the deadline is in seconds."""
        return _post(f"/v1/predict?timeout={deadline:g}", self.bodies[row])

    def submit(self, row: int, key: str) -> bytes:
        """A whole asynchronous request with an idempotency key."""
        return _post("/v1/tasks", self.bodies[row], f"Idempotency-Key: {key}\r\n")


def look(task_id: str) -> bytes:
    """A whole request for what is known of a task, at the latest after LOOK_SECONDS."""
    return get_request("http://regno", f"/v1/tasks/{task_id}?wait={LOOK_SECONDS}", API_KEY)


def _post(path: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: regno\r\nx-api-key: {API_KEY}\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@cache
def shipped_work(model: Path = SHIPPED_MODEL) -> Work:
    """A hundred rows of the shipped model's generator, answered by the model in this process."""
    work = read_work(model, None)
    return Work(
        [msgspec.json.encode(row) for row in work.rows],
        [msgspec.json.encode([prediction]) for prediction in work.predictions],
    )
