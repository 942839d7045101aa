"""What Redis knows of identical requests: results that are kept, and flights.

A flight is a computation that has begun and not ended. Its first request leads: it publishes
the task; identical ones follow: they wait for the leader's task instead of publishing their own.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from redis import Redis, RedisError
from redis.commands.core import Script

from shared.cache import cache_prefix, flight_key
from shared.errors import ResultStoreUnavailable
from shared.presence import VERSION_KEY
from shared.results import READ_IN_LUA, RawResult, decode_result, encode_revoked, result_key

_logger = logging.getLogger(__name__)

LEASE_SECONDS = 0.5
"""How long a flight lasts unless renewed, so how long followers of a dead leader wait."""

_LEASE_MS = int(LEASE_SECONDS * 1000)

# For each request: the result kept for the model version in service, or whose task leads, its
# own from now on where nobody's did, and for how many milliseconds unless renewed.
_LOOK_UP = (
    READ_IN_LUA
    + """
local version = read(KEYS[1])
local found = {}
for i, task_id in ipairs(ARGV) do
    local prefix, flight = KEYS[2 * i], KEYS[2 * i + 1]
    local kept = version and read(prefix .. version)
    if kept then
        found[i] = {kept}
    else
        redis.call('SET', flight, task_id, 'NX', 'PX', LEASE_MS)
        found[i] = {read(flight), redis.call('PTTL', flight)}
    end
end
return found
""".replace("LEASE_MS", str(_LEASE_MS))
)

# A flight whose lease ran out may be another's by now.
_RENEW = (
    READ_IN_LUA
    + """
for i, key in ipairs(KEYS) do
    if read(key) == ARGV[i] then
        redis.call('PEXPIRE', key, LEASE_MS)
    end
end
""".replace("LEASE_MS", str(_LEASE_MS))
)

_RELEASE = (
    READ_IN_LUA
    + """
if read(KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
redis.call('PUBLISH', KEYS[2], ARGV[2])
"""
)

RELEASED = "released"


class Flight(NamedTuple):
    """A computation that a request of this process leads, or would if nobody else did."""

    digest: str
    task_id: str


class Leader(NamedTuple):
    """Whose task a flight waits for."""

    task_id: str
    lease: float
    """Seconds until the flight ends unless its leader renews it."""


Found = RawResult | Leader
"""What a look-up finds: a kept result, or who computes it."""


class CacheStore:
    """The api's side of the cache. Every method raises ResultStoreUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._look_up = redis.register_script(_LOOK_UP)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)

    def look_up(self, flights: Sequence[Flight]) -> list[Found]:
        """For each a kept result, or who leads: itself where nobody did.

        One atomic step and one round trip.
        """
        keys = [VERSION_KEY]
        for flight in flights:
            keys += [cache_prefix(flight.digest), flight_key(flight.digest)]
        found = _run(self._look_up, keys, [flight.task_id for flight in flights])
        return [_found(flight, *values) for flight, values in zip(flights, found, strict=True)]

    def renew(self, flights: Sequence[Flight]) -> None:
        """Gives flights that have not ended another lease."""
        keys = [flight_key(flight.digest) for flight in flights]
        _run(self._renew, keys, [flight.task_id for flight in flights])

    def release(self, flight: Flight) -> None:
        """Ends a flight that led to nothing, and tells who follows it."""
        _run(
            self._release,
            [flight_key(flight.digest), result_key(flight.task_id)],
            [flight.task_id, encode_revoked(flight.task_id, RELEASED)],
        )


def _found(flight: Flight, value: bytes | None, lease_ms: int | None = None) -> Found:
    """What the script answered; the request leads by itself where that cannot be read."""
    try:
        if value is not None:
            if lease_ms is None:
                return decode_result(value)
            return Leader(value.decode(), lease_ms / 1000)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        _logger.warning("cannot read what is kept for %s: %s", flight.digest, error)
    return Leader(flight.task_id, LEASE_SECONDS)


def _run(script: Script, keys: list[str], args: list[Any]) -> Any:
    try:
        return script(keys=keys, args=args)
    except RedisError as error:
        raise ResultStoreUnavailable(f"Redis: {error}") from error
