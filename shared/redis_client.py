"""How both roles reach Redis: bounded in time, one quick second try, no hidden waiting."""

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry

from shared.errors import InvalidSettings
from shared.settings import PREFIX, Settings

MAX_CONNECTIONS = 100
"""Of one process at once. More would only wait in Redis, which does one thing at a time."""


def connect_redis(settings: Settings) -> Redis:
    """A client with a pool of its own. Nothing connects until it is used.

    Who finds every connection in use waits for one, as long as a command may take. The one
    retry is for a pooled connection that died while it lay idle; what had no answer in time may
    have been done and is not sent again: waiting out an outage is the caller's decision, not the
    library's. RESP2 is all that is needed, and the same replies from every server.

    Raises InvalidSettings for an option in the URL that cannot be read.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=MAX_CONNECTIONS,
            timeout=settings.redis_timeout,
            socket_timeout=settings.redis_timeout,
            socket_connect_timeout=settings.redis_timeout,
            retry=Retry(NoBackoff(), 1, (ConnectionLost,)),
            protocol=2,
        )
    except ValueError as error:
        raise InvalidSettings(f"{PREFIX}REDIS_URL: {error}") from error
    return Redis.from_pool(pool)
