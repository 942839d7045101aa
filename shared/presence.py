"""How workers say that they are there: a key that expires, and a set that lists the keys.

A worker renews its key from its message loop, so a worker whose loop hangs, or that lost its
broker, drops out by itself. No clock is compared with another.
"""

from typing import cast

import msgspec
from redis import Redis

INDEX_KEY = "regno:workers"
VERSION_KEY = "regno:model-version"
"""The model version that a worker announced last. While two are in service it alternates."""
TTL_MS = 5000
RENEW_SECONDS = 1.0


class WorkerInfo(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    name: str
    model_version: str


def _key(name: str) -> str:
    return f"regno:worker:{name}"


def announce(redis: Redis, info: WorkerInfo) -> tuple[int, int]:
    """Says that the worker consumes, for the next TTL_MS; Redis's time, as TIME gives it.

    Raises redis.RedisError.
    """
    with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.set(_key(info.name), msgspec.json.encode(info), px=TTL_MS)
        pipe.sadd(INDEX_KEY, info.name)
        pipe.set(VERSION_KEY, info.model_version, px=TTL_MS)
        told: tuple[int, int] = pipe.execute()[0]
    return told


def withdraw(redis: Redis, name: str) -> None:
    """Says that the worker is gone. Raises redis.RedisError.

    Its model version may be gone with it: a worker that stays announces its own again.
    """
    with redis.pipeline(transaction=False) as pipe:
        pipe.delete(_key(name), VERSION_KEY)
        pipe.srem(INDEX_KEY, name)
        pipe.execute()


def present_workers(redis: Redis) -> list[WorkerInfo]:
    """The workers that consume now; forgets those whose key has expired.

    Raises redis.RedisError.
    """
    names = [cast("bytes", name).decode() for name in redis.smembers(INDEX_KEY)]
    if not names:
        return []
    values = redis.mget([_key(name) for name in names])
    gone = [name for name, value in zip(names, values, strict=True) if value is None]
    if gone:
        redis.srem(INDEX_KEY, *gone)
    return [msgspec.json.decode(value, type=WorkerInfo) for value in values if value is not None]
