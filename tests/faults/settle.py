"""After the load: every accepted task is looked at until it has ended, and once more."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus

import requests

from tests.faults.request import LOST, Kind, Request
from tests.faults.traffic import LOOK_SECONDS
from tests.faults.work import Work
from tests.processes import wait_until
from tests.stack import Client

SETTLE_SECONDS = 60
"""All parts are back: whatever was accepted must have ended by then."""

_THREADS = 8


def settle(url: str, sent: Sequence[Request], work: Work) -> None:
    """Asks the front door at ``url`` what became of every asynchronous request.

    One whose connection was cut is sent again with its key: its caller cannot know whether it was
    accepted. What has no end after SETTLE_SECONDS stays without.
    """
    tasks = [request for request in sent if request.kind is Kind.ASYNC]
    shares = [tasks[number::_THREADS] for number in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(_settle, url, share, work) for share in shares if share]:
            done.result()


def _settle(url: str, tasks: Sequence[Request], work: Work) -> None:
    with Client(url) as client:
        for task in tasks:
            if task.status == LOST:
                _send_again(client, task, work)
            if task.status == HTTPStatus.ACCEPTED:
                _await_end(client, task, work)


def _send_again(client: Client, task: Request, work: Work) -> None:
    def accepted() -> bool:
        answer = client.post(
            "/v1/tasks",
            data=work.bodies[task.row],
            headers={"Content-Type": "application/json", "Idempotency-Key": task.key},
        )
        if answer.status_code == HTTPStatus.ACCEPTED:
            task.status, task.task_id = answer.status_code, answer.json()["task_id"]
        return answer.status_code == HTTPStatus.ACCEPTED

    wait_until(accepted, SETTLE_SECONDS, f"a task with the key {task.key} is accepted")


def _await_end(client: Client, task: Request, work: Work) -> None:
    def look() -> bool:
        status, body = LOST, b""
        with suppress(requests.ConnectionError):
            answer = client.get(f"/v1/tasks/{task.task_id}", params={"wait": LOOK_SECONDS})
            status, body = answer.status_code, answer.content
        task.note_look(status, body, work.expected[task.row])
        return bool(task.end)

    ended_before = bool(task.end)
    try:
        wait_until(look, SETTLE_SECONDS, f"an end of the task {task.task_id}")
    except AssertionError:
        return  # the ledger counts it as lost
    if not ended_before:
        look()  # once more: an end stays
