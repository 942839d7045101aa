"""What a Redis must be like for this service: what will never change by waiting."""

from redis import Redis
from redis.exceptions import ResponseError

_POLICY = "noeviction"


def unmet_requirement(redis: Redis) -> str | None:
    """What is wrong with the server, and how to mend it; None where all is well.

    An access list may forbid INFO: then only scripts are tried. Raises redis.RedisError where
    Redis does not answer.
    """
    try:
        redis.eval("return redis.call('PUBLISH', 'regno:probe', '')", 0)
    except ResponseError as error:
        return f"Redis refuses scripts: {error}; allow +@scripting, all keys and all channels"
    try:
        memory, cluster = redis.info("memory"), redis.info("cluster")
    except ResponseError:
        return None
    if cluster.get("cluster_enabled"):
        return "Redis is in cluster mode: a server of its own is needed, or one with replicas"
    policy = memory.get("maxmemory_policy", _POLICY)
    if policy != _POLICY:
        return f"maxmemory-policy is {policy}, so results may be evicted: set {_POLICY}"
    return None
