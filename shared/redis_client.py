"""How both roles reach Redis: bounded in time, one quick second try, no hidden waiting."""

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.settings import Settings


def connect_redis(settings: Settings) -> Redis:
    """A client with a pool of its own. Nothing connects until it is used.

    The one retry is for a pooled connection that died while it lay idle; waiting out an
    outage is the caller's decision, not the library's. RESP2 is all that is needed, and the
    same replies from every server.
    """
    return Redis.from_url(
        settings.redis_url,
        socket_timeout=settings.redis_timeout,
        socket_connect_timeout=settings.redis_timeout,
        retry=Retry(NoBackoff(), 1),
        protocol=2,
    )
