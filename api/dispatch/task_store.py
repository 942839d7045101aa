"""What Redis knows of tasks: their state, cancelling them, and idempotency keys."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from redis import Redis, RedisError
from redis.commands.core import Script

from shared.errors import ResultStoreUnavailable
from shared.results import (
    READ_IN_LUA,
    RawResult,
    decode_result,
    encode_revoked,
    encode_unfinished,
    result_key,
)

CANCELLED = "cancelled"

# Revokes a task that has not started and announces it; answers what was stored before.
_CANCEL = (
    READ_IN_LUA
    + """
local stored = read(KEYS[1])
if stored and string.match(stored, '"status":"(%u+)"') == 'PENDING' then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    redis.call('PUBLISH', KEYS[1], ARGV[1])
end
return stored
"""
)

# Both scripts act only for the request that holds the key, or where nobody does: a lease may have
# run out under a request that took too long, and another have the key since.
_UNLESS_ANOTHERS = (
    READ_IN_LUA
    + """
local held = read(KEYS[1])
if held and held ~= ARGV[1] then return false end
"""
)

_CONFIRM = (
    _UNLESS_ANOTHERS
    + """
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return true
"""
)

# With the key goes the mark of a task that was not published, if this request has made it.
_RELEASE = (
    _UNLESS_ANOTHERS
    + """
redis.call('DEL', KEYS[1])
local stored = KEYS[2] and read(KEYS[2])
if stored and string.match(stored, '"status":"(%u+)"') == 'PENDING' then
    redis.call('DEL', KEYS[2])
end
return true
"""
)

IDEMPOTENCY_TTL_MS = 24 * 3600 * 1000


class IdempotencyRecord(msgspec.Struct, frozen=True):
    """What an idempotency key was first used for."""

    fingerprint: str
    """Digest of the request body."""
    task_id: str
    accepted: bool
    """False while its first request is still being handed to the broker."""
    holder: str
    """Of this one request: tells it from another with the same key and body."""


def is_terminal(result: RawResult) -> bool:
    """Whether the task has ended, one way or another."""
    return result.status not in ("PENDING", "STARTED")


def _readable(value: bytes) -> RawResult | None:
    """A stored result; None for what others keep under Celery's keys, which is no task of ours."""
    try:
        return decode_result(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _read_record(value: bytes) -> IdempotencyRecord:
    """Raises ResultStoreUnavailable for what no front door has written."""
    try:
        return msgspec.json.decode(value, type=IdempotencyRecord)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        detail = "What is kept of the Idempotency-Key cannot be read: send another key"
        raise ResultStoreUnavailable(detail) from error


def _run(script: Script, keys: list[str], values: list[Any]) -> Any:
    try:
        return script(keys=keys, args=values)
    except RedisError as error:
        raise ResultStoreUnavailable(f"Redis: {error}") from error


class TaskStore:
    """The api's side of the result store. Every method raises ResultStoreUnavailable."""

    def __init__(self, redis: Redis, result_ttl: float, task_ttl: float) -> None:
        """The TTLs in seconds: how long results are kept, how long a task may wait."""
        self._redis = redis
        self._cancel = redis.register_script(_CANCEL)
        self._confirm = redis.register_script(_CONFIRM)
        self._release = redis.register_script(_RELEASE)
        # As long as its message may wait, and so as long as a cancelled task must be known for.
        self._pending_ttl_ms = int((result_ttl + task_ttl) * 1000)

    def mark_pending(self, task_id: str) -> bool:
        """Makes the task known before it is published; False where it is known already."""
        value = encode_unfinished("PENDING", task_id)
        return bool(self._call("set", result_key(task_id), value, px=self._pending_ttl_ms, nx=True))

    def forget(self, task_id: str) -> None:
        """Undoes a ``mark_pending`` that was True, for a task that could not be published."""
        self._call("delete", result_key(task_id))

    def abandon(self, task_id: str, seconds: float) -> None:
        """Keeps workers from what was published of an array that was refused in part."""
        value = encode_revoked(task_id, CANCELLED)
        self._call("set", result_key(task_id), value, px=max(1, int(seconds * 1000)))

    def read(self, task_ids: Sequence[str]) -> list[RawResult | None]:
        """What is stored of each task, None where nothing is."""
        if not task_ids:
            return []
        values = self._call("mget", [result_key(task_id) for task_id in task_ids])
        return [None if value is None else _readable(value) for value in values]

    def cancel(self, task_id: str) -> RawResult | None:
        """Cancels the task if it has not started; what was stored of it before."""
        revoked = encode_revoked(task_id, CANCELLED)
        stored = _run(self._cancel, [result_key(task_id)], [revoked, self._pending_ttl_ms])
        return None if stored is None else _readable(cast("bytes", stored))

    def reserve(
        self, key: str, record: IdempotencyRecord, lease: float
    ) -> IdempotencyRecord | None:
        """Takes an idempotency key for ``lease`` seconds; the record of whoever has it already.

        That is never this request itself, whose first command may have been done unheard.
        """
        value = msgspec.json.encode(record)
        while not self._call("set", key, value, nx=True, px=int(lease * 1000)):
            stored = self._call("get", key)
            if stored is not None:
                held = _read_record(stored)
                return None if held == record else held
            # Gone between the two commands: its first request failed, so this one is the first.
        return None

    def confirm(self, key: str, record: IdempotencyRecord) -> None:
        """Keeps an idempotency key for a day, now that its task is accepted.

        ``record`` is what it was reserved with. Another's key stays as it is.
        """
        accepted = msgspec.structs.replace(record, accepted=True)
        values = [msgspec.json.encode(record), msgspec.json.encode(accepted), IDEMPOTENCY_TTL_MS]
        _run(self._confirm, [key], values)

    def release(self, key: str, record: IdempotencyRecord, *, forget: bool) -> None:
        """Gives an idempotency key back whose request was not accepted, unless it is another's.

        ``forget`` undoes a ``mark_pending`` that was True.
        """
        keys = [key, result_key(record.task_id)] if forget else [key]
        _run(self._release, keys, [msgspec.json.encode(record)])

    def _call(self, command: str, *args: Any, **options: Any) -> Any:
        try:
            return getattr(self._redis, command)(*args, **options)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
