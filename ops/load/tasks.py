"""Asynchronous load: a task is sent, then waited for with a long poll."""

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from ops.load.connection import Reply
from ops.load.loops import Send
from ops.load.payloads import PATHS, get_request, requests
from ops.load.pool import ConnectionPool


def task_sender(pool: ConnectionPool, contents: Sequence[bytes], url: str, key: str) -> Send:
    """Sends tasks and waits for each to end: done is the good answer, latency the whole way."""
    accept = requests(url, PATHS["async"], key, contents)

    def send(number: int, done: Callable[[Reply, bool], None]) -> None:
        def accepted(reply: Reply) -> None:
            if reply.status != HTTPStatus.ACCEPTED:
                done(reply, True)
                return
            task_id = json.loads(reply.body)["task_id"]
            look = get_request(url, f"/v1/tasks/{task_id}?wait=30", key)
            pool.send(look, lambda ended: done(ended, b'"status":"done"' in ended.body))

        pool.send(accept[number % len(accept)], accepted)

    return send
