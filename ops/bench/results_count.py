"""How many predictions the workers have made: Celery's stored results in Redis, counted."""

from typing import cast

from redis import Redis

from shared.results import KEY_PREFIX, decode_result

_PAGE = 1000


def forget_results(redis_url: str) -> None:
    """Drops every stored result. Raises redis.RedisError."""
    with Redis.from_url(redis_url) as redis:
        for keys in _pages(redis):
            redis.unlink(*keys)


def count_successes(redis_url: str) -> int:
    """Tasks that were computed; dropped ones are stored too, but as revoked.

    Raises redis.RedisError.
    """
    with Redis.from_url(redis_url) as redis:
        stored = [
            value for keys in _pages(redis) for value in cast("list[bytes]", redis.mget(keys))
        ]
    return sum(decode_result(value).status == "SUCCESS" for value in stored if value)


def _pages(redis: Redis) -> list[list[bytes]]:
    keys = list(set(redis.scan_iter(match=KEY_PREFIX + "*", count=_PAGE)))
    return [keys[start : start + _PAGE] for start in range(0, len(keys), _PAGE)]
