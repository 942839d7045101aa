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


_PREFIX = b"regno:worker:"


def _key(name: str) -> bytes:
    return _PREFIX + name.encode()


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
    """The workers that consume now; forgets those whose key has expired or is not a worker's.

    Raises redis.RedisError.
    """
    names = [cast("bytes", name) for name in redis.smembers(INDEX_KEY)]
    if not names:
        return []
    values = redis.mget([_PREFIX + name for name in names])
    told = [_read(value) for value in values]
    gone = [name for name, info in zip(names, told, strict=True) if info is None]
    if gone:
        redis.srem(INDEX_KEY, *gone)
    return [info for info in told if info is not None]


def _read(value: object) -> WorkerInfo | None:
    """What a worker said; None for what no worker has written."""
    try:
        return msgspec.json.decode(cast("bytes", value), type=WorkerInfo)
    except (TypeError, msgspec.DecodeError, UnicodeError, RecursionError):
        return None
