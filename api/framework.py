"""Flask without the parts that this service has no use for, which every request would pay for.

It has no coroutines, no sessions, and answers the same whatever host name it is called by; left
in, these took a fifth of the time that Flask itself needs for a request.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import MapAdapter


class NoSessions(SessionInterface):
    """One null session for all, which nothing can be written to."""

    def __init__(self) -> None:
        self._session = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002 - Flask's
        """See Flask."""
        return self._session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """See Flask; never called for a null session."""


class Application(Flask):
    """The front door's Flask."""

    session_interface = NoSessions()

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, static_folder=None)
        # A path with // would else be sent on to an address with the host in it.
        self.url_map.merge_slashes = False

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """See Flask: no view or hook here is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """See Flask: routes do not depend on the host."""
        if request is None:
            return None
        query = request.environ.get("QUERY_STRING", "")
        return MapAdapter(
            self.url_map, "", "/", "", "http", request.path, request.method, query_args=query
        )
