"""What Redis knows of tasks: their state, cancelling them, and idempotency keys."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from redis import Redis, RedisError

from shared.errors import ResultStoreUnavailable
from shared.results import (
    RawResult,
    decode_result,
    encode_revoked,
    encode_unfinished,
    result_key,
)

CANCELLED = "cancelled"

# Revokes a task that has not started and announces it; answers what was stored before.
_CANCEL = """
local stored = redis.call('GET', KEYS[1])
if stored and string.match(stored, '"status":"(%u+)"') == 'PENDING' then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    redis.call('PUBLISH', KEYS[1], ARGV[1])
end
return stored
"""

IDEMPOTENCY_TTL_MS = 24 * 3600 * 1000


class IdempotencyRecord(msgspec.Struct, frozen=True):
    """What an idempotency key was first used for."""

    fingerprint: str
    """Digest of the request body."""
    task_id: str
    accepted: bool
    """False while its first request is still being handed to the broker."""


def is_terminal(result: RawResult) -> bool:
    """Whether the task has ended, one way or another."""
    return result.status not in ("PENDING", "STARTED")


def _readable(value: bytes) -> RawResult | None:
    """A stored result; None for what others keep under Celery's keys, which is no task of ours."""
    try:
        return decode_result(value)
    except (msgspec.DecodeError, UnicodeError):
        return None


class TaskStore:
    """The api's side of the result store. Every method raises ResultStoreUnavailable."""

    def __init__(self, redis: Redis, result_ttl: float, task_ttl: float) -> None:
        """The TTLs in seconds: how long results are kept, how long a task may wait."""
        self._redis = redis
        self._cancel = redis.register_script(_CANCEL)
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
        try:
            stored = self._cancel(keys=[result_key(task_id)], args=[revoked, self._pending_ttl_ms])
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return None if stored is None else _readable(cast("bytes", stored))

    def reserve(
        self, key: str, record: IdempotencyRecord, lease: float
    ) -> IdempotencyRecord | None:
        """Takes an idempotency key for ``lease`` seconds; the record of whoever has it already."""
        value = msgspec.json.encode(record)
        while not self._call("set", key, value, nx=True, px=int(lease * 1000)):
            stored = self._call("get", key)
            if stored is not None:
                return msgspec.json.decode(stored, type=IdempotencyRecord)
            # Gone between the two commands: its first request failed, so this one is the first.
        return None

    def confirm(self, key: str, record: IdempotencyRecord) -> None:
        """Keeps an idempotency key for a day, now that its task is accepted."""
        self._call("set", key, msgspec.json.encode(record), px=IDEMPOTENCY_TTL_MS)

    def release(self, key: str) -> None:
        """Gives an idempotency key back whose request was not accepted."""
        self._call("delete", key)

    def _call(self, command: str, *args: Any, **options: Any) -> Any:
        try:
            return getattr(self._redis, command)(*args, **options)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
