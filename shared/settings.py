"""Settings of the roles: read once from ``REGNO_*`` variables, typed, checked, passed in.

A field ``batch_rows`` is the variable ``REGNO_BATCH_ROWS``. Nothing else in the project
reads the environment, except the few places that prepare it for a process they start.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Meta

from shared.errors import InvalidSettings

PREFIX = "REGNO_"
REDIS_SCHEMES = ("redis", "rediss")
BROKER_SCHEMES = ("amqp", "amqps", *REDIS_SCHEMES)

_TLS_OPTIONS: Mapping[str, Sequence[str]] = {
    "ssl_cert_reqs": ("none", "optional", "required"),
    "ssl_check_hostname": ("true", "false"),
    "ssl_ca_certs": (),
    "ssl_certfile": (),
    "ssl_keyfile": (),
}
"""What a URL may say after its question mark: each with its values, or the path of a file."""

YEAR = 365 * 24 * 3600
"""Seconds. The longest time a setting may name: beyond it, and at infinity, timers overflow."""

Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Seconds = Annotated[float, Meta(ge=0.001, le=YEAR)]
"""At least a millisecond: Redis and RabbitMQ count in those."""
ApiKey = Annotated[str, Meta(min_length=16, pattern="^[!-~]+$")]
"""Printable ASCII: what every HTTP client sends in a header just as it was written."""
Url = Annotated[str, Meta(min_length=1)]
Port = Annotated[int, Meta(ge=0, le=2**16 - 1)]
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - served nowhere unless a port is set

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What api and worker must agree on."""

    broker_url: Url
    """RabbitMQ, ``amqp://user:password@host:port/vhost``."""
    redis_url: Url
    """Redis for results and replies, ``redis://:password@host:port/db``."""
    result_ttl: Seconds = 3600
    """How long the result of an asynchronous task is kept after it is stored."""
    sync_result_ttl: Seconds = 60
    """The same for requests somebody waited for."""
    redis_timeout: Seconds = 1.0
    """Bound on one Redis command, connecting included."""
    max_plate_chars: Count = 32
    max_camera_chars: Count = 64
    """Limit on ``camera_type`` and ``camera_class``."""
    max_scores: Count = 64
    """Limit on the length of either score list."""
    max_rows: Count = 1000
    """Limit on rows in one request."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    """JSON for machines, text for people; by itself text where standard error is a terminal."""
    sentry_dsn: str = ""
    """Where errors are sent; empty: nowhere."""
    sentry_environment: str = "production"
    """What Sentry is told of where the service runs."""
    sentry_send_rows: bool = False
    """Whether what callers have sent, and local variables, may be sent to Sentry."""


class ApiSettings(Settings, frozen=True, kw_only=True):
    """The front door's settings."""

    api_keys: Annotated[list[ApiKey], Meta(min_length=1)]
    """Accepted API keys, separated by commas in the variable; at least 16 characters each."""
    max_body_bytes: Count = 16 * 1024 * 1024
    default_timeout: Seconds = 2.0
    """How long a synchronous request waits where the caller does not say."""
    max_timeout: Seconds = 30.0
    """The longest wait a caller may ask for."""
    max_in_flight: Count = 512
    """Requests for predictions that one process has in hand at once, each lane by itself."""
    publish_timeout: Seconds = 1.0
    """Bounds a message's wait for its turn, and RabbitMQ's confirm of it: each."""
    chunk_rows: Count = 250
    """An array of more rows is split into chunks of at most so many, which workers share."""
    task_ttl: Seconds = 3600
    """How long an accepted asynchronous task may wait for a worker before it expires."""
    cache_ttl: Annotated[float, Meta(ge=0, le=24 * 3600)] = 0
    """How long a result answers identical synchronous requests, at most a day; 0 is no cache."""
    keep_alive: Count = 75
    """Seconds that an idle connection is kept: more than a load balancer keeps its own."""
    root_path: Annotated[str, Meta(pattern="^(/[A-Za-z0-9._~-]+)*$")] = ""
    """What a proxy has before every path of this service, as ``/regno``; empty: nothing."""
    drain_file: Annotated[str, Meta(min_length=1)] = "/run/regno/draining"
    """While this file exists ``/readyz`` fails, so that load balancers look elsewhere."""


class WorkerSettings(Settings, frozen=True, kw_only=True):
    """The worker's settings."""

    model_uri: str = "models/shipped/regno.cbm"
    """Path of the CatBoost model; its manifest, where there is one, lies beside it."""
    batch_rows: Count = 128
    """A batch is predicted when it holds this many rows ..."""
    batch_wait: Annotated[float, Meta(ge=0, le=YEAR)] = 0.002
    """... or its oldest message has waited this many seconds, whichever is first."""
    prefetch: Annotated[int, Meta(ge=1, le=2**16 - 1)] = 256
    """Messages of the sync lane that RabbitMQ sends ahead of their acknowledgement.

    AMQP has 16 bits for it.
    """
    metrics_port: Port = 0
    """Where ``/metrics`` is served over HTTP; 0 is nowhere."""
    metrics_host: str = ALL_ADDRESSES
    """The address it is served on."""
    heartbeat_file: str | None = None
    """Renewed every second while the worker consumes; none is written by default."""


def load(kind: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """The settings of one role.

    Raises InvalidSettings, naming the variable and what was expected of it.
    """
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        text = environ.get(PREFIX + field.name.upper())
        if text is None:
            if field.required:
                raise InvalidSettings(f"{PREFIX}{field.name.upper()} must be set")
            continue
        values[field.name] = _convert(field.name, text, field.type)
    settings = msgspec.convert(values, type=kind)
    _check_together(settings)
    return settings


def _convert(name: str, text: str, kind: object) -> object:
    value: object = text
    if name == "api_keys":
        value = [key.strip() for key in text.split(",") if key.strip()]
    try:
        return msgspec.convert(value, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{PREFIX}{name.upper()}: {error}") from error


def _check_together(settings: msgspec.Struct) -> None:
    """Raises InvalidSettings for values that are each fine but do not fit one another."""
    if isinstance(settings, WorkerSettings) and settings.prefetch < settings.batch_rows:
        raise InvalidSettings(
            f"REGNO_PREFETCH ({settings.prefetch}) must be at least "
            f"REGNO_BATCH_ROWS ({settings.batch_rows}), or batches never fill"
        )
    if isinstance(settings, ApiSettings) and settings.default_timeout > settings.max_timeout:
        raise InvalidSettings("REGNO_DEFAULT_TIMEOUT must not exceed REGNO_MAX_TIMEOUT")
    if isinstance(settings, ApiSettings) and settings.sync_result_ttl < settings.max_timeout:
        raise InvalidSettings(
            "REGNO_SYNC_RESULT_TTL must be at least REGNO_MAX_TIMEOUT, or a result may be gone "
            "before the request that waits for it has read it"
        )
    if isinstance(settings, Settings):
        _check_url(f"{PREFIX}BROKER_URL", settings.broker_url, BROKER_SCHEMES)
        _check_url(f"{PREFIX}REDIS_URL", settings.redis_url, REDIS_SCHEMES)
        if settings.sentry_dsn:
            _check_dsn(settings.sentry_dsn)


def _check_url(name: str, url: str, schemes: Sequence[str]) -> None:
    """Raises InvalidSettings for a URL that cannot work, without showing its password."""
    if ";" in url or "," in url.partition("?")[0].rpartition("@")[2]:
        raise InvalidSettings(f"{name}: expected one address, not a list: use a name of them all")
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        known = ", ".join(schemes)
        raise InvalidSettings(f"{name}: expected scheme://host:port of one of {known}")
    if parts.fragment or "@" in parts.path + parts.query:
        raise InvalidSettings(f"{name}: percent-encode the password's special characters")
    is_redis = parts.scheme in REDIS_SCHEMES
    if is_redis and not re.fullmatch("(/[0-9]*)?", parts.path):
        raise InvalidSettings(f"{name}: expected the number of a database as the path")
    _check_options(name, parts.query, secured=parts.scheme in ("rediss", "amqps"))


def _check_options(name: str, query: str, *, secured: bool) -> None:
    """Raises InvalidSettings for an option that is not known, or cannot work."""
    for option, value in parse_qsl(query, keep_blank_values=True):
        if option not in _TLS_OPTIONS:
            known = ", ".join(_TLS_OPTIONS)
            raise InvalidSettings(f"{name}: option {option} is not known: expected {known}")
        if not secured:
            raise InvalidSettings(f"{name}: option {option} needs rediss:// or amqps://")
        expected = _TLS_OPTIONS[option]
        if expected and value not in expected:
            raise InvalidSettings(f"{name}: option {option}: expected {' or '.join(expected)}")
        if not expected and not Path(value).is_file():
            raise InvalidSettings(f"{name}: option {option}: there is no such file")


def _check_dsn(dsn: str) -> None:
    """Raises InvalidSettings for what is no address of a project in Sentry."""
    try:
        parts = urlsplit(dsn)
        project = parts.path.rpartition("/")[2]
        place = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        good = place and parts.username and project.isdigit()
    except ValueError:
        good = False
    if not good:
        raise InvalidSettings(f"{PREFIX}SENTRY_DSN: expected https://KEY@HOST/NUMBER of a project")
