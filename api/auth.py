"""API keys: several at once, so that one can be replaced without a gap."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, request
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed

from shared.errors import Unauthorised

OPEN_BLUEPRINTS = frozenset(("health", "metrics", "docs", "swagger_ui"))
"""The only routes that answer without a key."""

HEADER = "x-api-key"


class ApiKeys:
    """Compares digests in constant time, every key each time, whatever was sent."""

    def __init__(self, keys: Sequence[str]) -> None:
        """``keys`` are the accepted ones, in clear text."""
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys]

    def accepts(self, key: str) -> bool:
        """Whether this is one of the keys."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches)

    def in_head(self, environ: Mapping[str, Any]) -> bool:
        """Whether a request's WSGI environ carries one of the keys."""
        return self.accepts(environ.get("HTTP_X_API_KEY", ""))


def require_api_key(app: Flask, keys: ApiKeys) -> None:
    """Refuses every request without a key, those for unknown paths too."""

    def check() -> None:
        if request.blueprint in OPEN_BLUEPRINTS:
            return
        sent = request.headers.get(HEADER, "")
        if keys.accepts(sent) or _is_open(request.routing_exception):
            return
        if "," in sent:  # no key has one: several header lines were joined
            raise Unauthorised(f"Send the header {HEADER} once, not {sent.count(',') + 1} times")
        raise Unauthorised(f"Send a valid API key in the header {HEADER}")

    app.before_request(check)


def _is_open(refused: Exception | None) -> bool:
    """Whether a request was refused for its method alone, on a path that needs no key."""
    adapter = request_ctx.url_adapter
    if adapter is None or not isinstance(refused, MethodNotAllowed) or not refused.valid_methods:
        return False
    method = next(iter(refused.valid_methods))
    rule, _ = adapter.match(method=method, return_rule=True)
    return rule.endpoint.rpartition(".")[0] in OPEN_BLUEPRINTS
