"""How both roles reach Redis: bounded in time, one quick second try, no hidden waiting.

After a failover the server that was the primary may stay up as a replica. It keeps its connections,
and refuses writes on them. So a refusal of that kind ends the connection, and the next one asks
for the address again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from redis import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import MasterDownError, ReadOnlyError, ResponseError
from redis.retry import Retry

from shared.settings import Settings

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object

MAX_CONNECTIONS = 100
"""Of one process at once. More would only wait in Redis, which does one thing at a time."""

_PROBE_KEY = "regno:primary"
_PROBE_MS = 5000


class _OfPrimary(_Base):
    """A connection that ends when its server is no primary any more."""

    on_demoted: Callable[[], None]

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """See redis-py. Raises its ConnectionError, on which a command is tried anew once."""
        try:
            return super().read_response(*arguments, **options)
        except ResponseError as error:
            # In a script, Redis before 7 puts another code before its own.
            if not isinstance(error, ReadOnlyError | MasterDownError) and "READONLY" not in str(
                error
            ):
                raise
            self.disconnect()  # type: ignore[no-untyped-call]
            self.on_demoted()
            raise ConnectionLost(f"Redis is no primary: {error}") from error


class _PlainConnection(_OfPrimary, Connection):
    pass


class _TLSConnection(_OfPrimary, SSLConnection):
    pass


class PrimaryPool(BlockingConnectionPool):
    """Connections to whichever server is the primary now."""

    demotions = 0
    """How often a server has shown that it is no primary any more."""

    def make_connection(self) -> Any:
        """See redis-py."""
        connection = super().make_connection()  # type: ignore[no-untyped-call]
        connection.on_demoted = self._on_demoted
        return connection

    def _on_demoted(self) -> None:
        self.demotions += 1
        self.disconnect(inuse_connections=False)  # those in use find out by themselves


def check_primary(redis: Redis) -> None:
    """Writes a key, which a replica refuses: the pool drops its connections then.

    A process that only reads and listens would not notice a failover. Raises redis.RedisError.
    """
    redis.set(_PROBE_KEY, b"", px=_PROBE_MS)


def connect_redis(settings: Settings) -> Redis:
    """A client with a pool of its own. Nothing connects until it is used.

    Who finds every connection in use waits for one, as long as a command may take. The one
    retry is for a pooled connection that died while it lay idle; what had no answer in time may
    have been done and is not sent again: waiting out an outage is the caller's decision, not the
    library's. RESP2 is all that is needed, and the same replies from every server.
    """
    pool = PrimaryPool.from_url(
        settings.redis_url,
        max_connections=MAX_CONNECTIONS,
        timeout=settings.redis_timeout,
        socket_timeout=settings.redis_timeout,
        socket_connect_timeout=settings.redis_timeout,
        retry=Retry(NoBackoff(), 1, (ConnectionLost,)),
        protocol=2,
    )
    secured = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = _TLSConnection if secured else _PlainConnection
    return Redis.from_pool(pool)
