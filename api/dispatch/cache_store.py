"""What Redis knows of identical requests: results that are kept, and flights.

A flight is a computation that has begun and not ended. Its first request leads: it publishes
the task; identical ones follow: they wait for the leader's task instead of publishing their own.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from redis import Redis, RedisError
from redis.commands.core import Script

from shared.cache import cache_prefix, flight_key
from shared.errors import ResultStoreUnavailable
from shared.presence import VERSION_KEY
from shared.results import RawResult, decode_result, encode_revoked, result_key

LEASE_SECONDS = 0.5
"""How long a flight lasts unless renewed, so how long followers of a dead leader wait."""

# Answers the result kept for the model version in service, or who leads and for how many
# milliseconds unless renewed, or nothing: then the task in ARGV[1] leads from now on.
_LOOK_UP = """
local version = redis.call('GET', KEYS[1])
local kept = version and redis.call('GET', KEYS[2] .. version)
if kept then
    return {kept}
end
if redis.call('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return {}
end
return {redis.call('GET', KEYS[3]), redis.call('PTTL', KEYS[3])}
"""

# A flight whose lease ran out may be another's by now.
_RENEW = """
for i, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[i] then
        redis.call('PEXPIRE', key, ARGV[#KEYS + 1])
    end
end
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
redis.call('PUBLISH', KEYS[2], ARGV[2])
"""

RELEASED = "released"


class Flight(NamedTuple):
    """A computation that this process leads."""

    digest: str
    task_id: str


class Leader(NamedTuple):
    """Whose task to wait for."""

    task_id: str
    lease: float
    """Seconds until the flight ends unless its leader renews it."""


class CacheStore:
    """The api's side of the cache. Every method raises ResultStoreUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._look_up = redis.register_script(_LOOK_UP)
        self._renew = redis.register_script(_RENEW)
        self._release = redis.register_script(_RELEASE)
        self._lease_ms = int(LEASE_SECONDS * 1000)

    def look_up(self, flight: Flight) -> RawResult | Leader | None:
        """A kept result, or whom to follow; None where this flight has begun: it leads.

        One atomic step and one round trip.
        """
        keys = [VERSION_KEY, cache_prefix(flight.digest), flight_key(flight.digest)]
        found = _run(self._look_up, keys, [flight.task_id, self._lease_ms])
        if not found:
            return None
        if len(found) == 1:
            return decode_result(found[0])
        task_id, lease_ms = found
        return Leader(task_id.decode(), lease_ms / 1000)

    def renew(self, flights: Collection[Flight]) -> None:
        """Gives flights that have not ended another lease."""
        task_ids = [flight.task_id for flight in flights]
        _run(self._renew, [flight_key(f.digest) for f in flights], [*task_ids, self._lease_ms])

    def release(self, flight: Flight) -> None:
        """Ends a flight that led to nothing, and tells who follows it."""
        _run(
            self._release,
            [flight_key(flight.digest), result_key(flight.task_id)],
            [flight.task_id, encode_revoked(flight.task_id, RELEASED)],
        )


def _run(script: Script, keys: list[str], args: list[Any]) -> Any:
    try:
        return script(keys=keys, args=args)
    except RedisError as error:
        raise ResultStoreUnavailable(f"Redis: {error}") from error
