"""After the load: every accepted task is looked at until it has ended, and once more."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http import HTTPStatus

import requests

from tests.faults.door import Door
from tests.faults.request import LOST, Kind, Request
from tests.faults.traffic import LOOK_SECONDS
from tests.faults.work import Work
from tests.processes import wait_until
from tests.stack import Client

SETTLE_SECONDS = 60
"""All parts are back: whatever was accepted must have ended by then."""

_THREADS = 8


def settle(doors: Sequence[Door], sent: Sequence[Request], work: Work) -> None:
    """Asks a front door that is ready what became of every asynchronous request.

    A call that finds its front door gone is made again, and counts nowhere: the load is over. A
    task whose connection was cut is sent again with its key: its caller cannot know whether it
    was accepted. What has no end after SETTLE_SECONDS stays without.
    """
    tasks = [request for request in sent if request.kind is Kind.ASYNC]
    shares = [tasks[number::_THREADS] for number in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(_settle, doors, share, work) for share in shares if share]:
            done.result()


def _settle(doors: Sequence[Door], tasks: Sequence[Request], work: Work) -> None:
    with ExitStack() as open_clients:
        clients = {door.name: open_clients.enter_context(Client(door.url)) for door in doors}

        def ready() -> Client:
            return clients[next((door for door in doors if door.ready), doors[0]).name]

        for task in tasks:
            if task.status == LOST:
                _send_again(ready, task, work)
            if task.status == HTTPStatus.ACCEPTED:
                _await_end(ready, task, work)


def _send_again(ready: Callable[[], Client], task: Request, work: Work) -> None:
    def accepted() -> bool:
        with suppress(requests.ConnectionError):
            answer = ready().post(
                "/v1/tasks",
                data=work.bodies[task.row],
                headers={"Content-Type": "application/json", "Idempotency-Key": task.key},
            )
            if answer.status_code == HTTPStatus.ACCEPTED:
                task.status, task.task_id = answer.status_code, answer.json()["task_id"]
        return task.status == HTTPStatus.ACCEPTED

    wait_until(accepted, SETTLE_SECONDS, f"a task with the key {task.key} is accepted")


def _await_end(ready: Callable[[], Client], task: Request, work: Work) -> None:
    def look() -> bool:
        with suppress(requests.ConnectionError):
            answer = ready().get(f"/v1/tasks/{task.task_id}", params={"wait": LOOK_SECONDS})
            task.note_look(answer.status_code, answer.content, work.expected[task.row])
        return bool(task.end)

    ended_before = bool(task.end)
    try:
        wait_until(look, SETTLE_SECONDS, f"an end of the task {task.task_id}")
    except AssertionError:
        return  # the ledger counts it as lost
    if not ended_before:
        look()  # once more: an end stays
