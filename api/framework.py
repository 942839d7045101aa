"""Flask without the parts that this service has no use for, which every request would pay for.

It has no coroutines, no sessions, answers the same whatever host name it is called by, and does
not look for a known path anew; left in, these took a fifth of the time that Flask itself needs for
a request.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.routing import Map, MapAdapter, Rule

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class NoSessions(SessionInterface):
    """One null session for all, which nothing can be written to."""

    def __init__(self) -> None:
        self._session = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:  # noqa: ARG002 - Flask's
        """See Flask."""
        return self._session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """See Flask; never called for a null session."""


class Routes(MapAdapter):
    """Where a request leads. A path without variable parts is matched once and remembered.

    Each match leaves a recursive function behind that only the garbage collector can find, and
    while hundreds of requests are in hand, a collection stops everything for tens of milliseconds.
    """

    def __init__(
        self, routes: Map, remembered: dict[tuple[str, str], Rule], request: Request
    ) -> None:
        """``remembered`` is shared by all requests."""
        query = request.environ.get("QUERY_STRING", "")
        super().__init__(routes, "", "/", "", "http", request.path, request.method, query)
        self._remembered = remembered

    def match(
        self, path_info: str | None = None, method: str | None = None, *args: Any, **options: Any
    ) -> Any:
        """See werkzeug: as Flask asks, the rule and its variables. Raises HTTPException."""
        if path_info is not None or method is not None:
            return super().match(path_info, method, *args, **options)
        asked = (self.path_info, self.default_method)
        known = self._remembered.get(asked)
        if known is not None:
            return known, {}
        rule, variables = super().match(*args, **options)
        # Not for a path that is only read as the rule's, such as one with // before it: of those
        # there is no end.
        if not rule.arguments and rule.rule == self.path_info:
            self._remembered[asked] = rule
        return rule, variables


class Application(Flask):
    """The front door's Flask."""

    session_interface = NoSessions()

    def __init__(self, import_name: str, root_path: str) -> None:
        """``root_path``: what a proxy has before every path of this service; may be empty."""
        super().__init__(import_name, static_folder=None)
        self._root_path = root_path
        self._remembered: dict[tuple[str, str], Rule] = {}
        # A path with // would else be sent on to an address with the host in it.
        self.url_map.merge_slashes = False

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Any:
        """See Flask. The proxy may have taken the root path away, or have passed it on."""
        if self._root_path:
            environ["SCRIPT_NAME"] = self._root_path
            path = environ["PATH_INFO"]
            if path.startswith(f"{self._root_path}/"):
                environ["PATH_INFO"] = path.removeprefix(self._root_path)
        return super().wsgi_app(environ, start_response)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """See Flask: no view or hook here is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """See Flask: routes do not depend on the host."""
        if request is None:
            return None
        return Routes(self.url_map, self._remembered, request)
