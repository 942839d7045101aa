"""Settings of the queue exporter, and where RabbitMQ's management API is."""

from typing import Annotated, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from shared.errors import InvalidSettings
from shared.settings import ALL_ADDRESSES, Url

API_VARIABLE = "REGNO_RABBITMQ_API"
_PORTS = {"http": 15672, "https": 15671}


class QueuesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the exporter must know."""

    rabbitmq_api: Url
    """``http://user:password@host:15672``; a path is the virtual host, ``/`` without one.

    The user needs RabbitMQ's tag ``monitoring``.
    """
    metrics_port: Annotated[int, Meta(ge=1, le=2**16 - 1)] = 9809
    metrics_host: str = ALL_ADDRESSES
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class ApiAddress(NamedTuple):
    """Where the management API is, and as whom it is asked."""

    tls: bool
    host: str
    port: int
    user: str
    password: str
    vhost: str


def api_address(url: str) -> ApiAddress:
    """The parts of REGNO_RABBITMQ_API.

    Raises InvalidSettings, without showing the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        parts, port = urlsplit(""), 0
    if not (port and parts.hostname and parts.username):
        raise InvalidSettings(f"{API_VARIABLE}: expected http(s)://user:password@host:port")
    return ApiAddress(
        parts.scheme == "https",
        parts.hostname,
        port,
        unquote(parts.username),
        unquote(parts.password or ""),
        unquote(parts.path[1:]) or "/",
    )
