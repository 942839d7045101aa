"""What callers are told of the task of a dead letter: its stored result in Redis."""

from redis import Redis, RedisError

from ops.dead_letters.letter import Letter
from shared.beginnings import beginnings_key
from shared.clock import RedisClock
from shared.errors import GivenUp, ResultStoreUnavailable
from shared.results import (
    EXPIRED,
    READ_IN_LUA,
    Failure,
    encode_failure,
    encode_unfinished,
    result_key,
)

# Makes a task wait again; answers what it has ended with for good, so that it is not done again.
_REVIVE = (
    READ_IN_LUA
    + """
local stored = read(KEYS[1])
local status = stored and string.match(stored, '"status":"(%u+)"')
if status == 'SUCCESS' then return 'done' end
if status == 'REVOKED' and not string.find(stored, '"exc_message":["EXPIRED"]', 1, true) then
    return 'cancelled'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return false
""".replace("EXPIRED", EXPIRED)
)

# Ends a task that nobody has ended: RabbitMQ dead-letters without a word to its caller.
_END = (
    READ_IN_LUA
    + """
local stored = read(KEYS[1])
local status = stored and string.match(stored, '"status":"(%u+)"')
if status ~= 'PENDING' and status ~= 'STARTED' then return end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[1])
"""
)


class TaskResults:
    """Every method raises ResultStoreUnavailable."""

    def __init__(self, redis: Redis, result_ttl: float, task_ttl: float) -> None:
        """The TTLs in seconds: how long results are kept, how long a task may wait."""
        self._redis = redis
        self._clock = RedisClock()
        self._result_ms = int(result_ttl * 1000)
        self._pending_ms = int((result_ttl + task_ttl) * 1000)

    def now(self) -> float:
        """The Unix time by which workers tell what has expired: Redis's."""
        try:
            self._clock.measure(self._redis)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return self._clock()

    def revive(self, letter: Letter) -> str | None:
        """Its caller is told ``queued`` again, whatever had failed.

        None where it is to be done now; else ``done`` or ``cancelled``, which it stays.
        """
        pending = encode_unfinished("PENDING", letter.id)
        keys = [result_key(letter.id), beginnings_key(letter.id)]
        try:
            ended = self._redis.eval(_REVIVE, 2, *keys, pending, self._pending_ms)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return ended.decode() if isinstance(ended, bytes) else None

    def end(self, letter: Letter) -> None:
        """Its caller is told ``failed``, unless it has been told an end already."""
        failure = Failure(GivenUp.__name__, ["Given up: dropped by an operator"])
        encoded = encode_failure(letter.result_id, failure)
        try:
            self._redis.eval(_END, 1, result_key(letter.result_id), encoded, self._result_ms)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
