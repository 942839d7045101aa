"""The front door as the check sees it: is it ready, and does it keep what it has accepted."""

import json
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from threading import Event, Thread
from typing import Any, Self

from ops.bench.work import KEY
from ops.load.payloads import PATHS

_EVERY = 0.1
"""Seconds between two tasks."""
_PATIENCE = 30
"""Seconds that an accepted task may take to end once the stack is whole again."""


class Service:
    """One front door, at ``http://host:port``."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def workers(self) -> int:
        """How many workers consume, of a service that says it is ready; else 0."""
        try:
            return len(self._call("/readyz")["workers"])
        except OSError:
            return 0

    def accept(self, row: dict[str, Any]) -> str | None:
        """The id of a task for this row; None where it was not accepted."""
        try:
            return str(self._call(PATHS["async"], json.dumps(row).encode())["task_id"])
        except OSError:
            return None

    def done(self, task_id: str) -> bool:
        """Whether an accepted task has ended with predictions; waits for its end."""
        try:
            ended = self._call(f"{PATHS['async']}/{task_id}?wait={_PATIENCE}")
        except OSError:
            return False
        return bool(ended["status"] == "done")

    def _call(self, path: str, body: bytes | None = None) -> Any:
        """The answer, where it is good. Raises OSError: HTTP errors are among those."""
        headers = {"x-api-key": KEY, "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, body, headers)  # noqa: S310
        try:
            with self._opener.open(request, timeout=_PATIENCE + 5) as answer:
                return json.load(answer)
        except HTTPException as error:
            raise OSError(f"cut off: {error}") from error


class Tasks:
    """Asynchronous tasks, sent one after the other from a thread while its context lasts."""

    def __init__(self, service: Service, rows: Sequence[dict[str, Any]]) -> None:
        self._service = service
        self._rows = rows
        self._stop = Event()
        self._thread = Thread(target=self._run, name="tasks")
        self.accepted: list[str] = []
        """Ids of the tasks that were answered with 202."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def done(self) -> int:
        """How many of those accepted have ended with predictions; waits for their ends."""
        return sum(map(self._service.done, self.accepted))

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(_EVERY):
            task_id = self._service.accept(self._rows[number % len(self._rows)])
            if task_id is not None:
                self.accepted.append(task_id)
            number += 1
