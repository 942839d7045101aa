"""Where outcomes go: Redis, a whole batch in one round trip."""

from collections.abc import Sequence
from typing import NamedTuple

from redis import Redis, RedisError

from shared.errors import ResultStoreUnavailable
from shared.queues import Lane
from shared.results import REPLY_PREFIX, encode_unfinished, join_results, result_key
from worker.cache import keep_for_identical
from worker.job import Job

# For each task: 1 if it may run now. A cancelled or finished one may not; a started one may,
# its worker died. A task that has no key (sent by a plain Celery client) may.
_CLAIM = """
local may_run = {}
for i, key in ipairs(KEYS) do
    local stored = redis.call('GET', key)
    local status = stored and string.match(stored, '"status":"(%u+)"')
    if status == 'PENDING' then
        redis.call('SET', key, ARGV[i], 'KEEPTTL')
    end
    may_run[i] = (not stored or status == 'PENDING' or status == 'STARTED') and 1 or 0
end
return may_run
"""


class Outcome(NamedTuple):
    """A job and the stored form of what became of it; None where that is stored already."""

    job: Job
    encoded: bytes | None


class ResultStore:
    """Claims tasks and stores what they ended with."""

    def __init__(self, redis: Redis, sync_ttl: float, async_ttl: float) -> None:
        """The two TTLs are in seconds: how long a result is kept, by lane."""
        self._redis = redis
        self._claim = redis.register_script(_CLAIM)
        self._ttl_ms = {Lane.SYNC: int(sync_ttl * 1000), Lane.ASYNC: int(async_ttl * 1000)}

    def claim(self, task_ids: Sequence[str]) -> list[bool]:
        """For each task, whether it may start; those that may are marked as started.

        One atomic step, so a cancel either comes before it and wins or comes too late.
        Raises ResultStoreUnavailable.
        """
        try:
            answer = self._claim(
                keys=[result_key(task_id) for task_id in task_ids],
                args=[encode_unfinished("STARTED", task_id) for task_id in task_ids],
            )
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return [flag == 1 for flag in answer]

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """Stores every outcome and announces it to whoever waits.

        An api process hears of all its tasks in one message on its reply channel. Everybody
        else (Celery clients, long polls, identical requests) listens where Celery announces,
        on the result's key.
        Raises ResultStoreUnavailable; storing again does no harm.
        """
        replies: dict[str, list[bytes]] = {}
        with self._redis.pipeline(transaction=False) as pipe:
            for job, encoded in outcomes:
                if encoded is None:
                    continue
                key = result_key(job.task_id)
                pipe.set(key, encoded, px=self._ttl_ms[job.lane])
                ours = job.reply_to is not None and job.reply_to.startswith(REPLY_PREFIX)
                if ours:
                    replies.setdefault(str(job.reply_to), []).append(encoded)
                if job.cache is not None:
                    keep_for_identical(pipe, job.cache, encoded)
                if not ours or job.lane is Lane.ASYNC or job.cache is not None:
                    pipe.publish(key, encoded)
            for channel, results in replies.items():
                pipe.publish(channel, join_results(results))
            try:
                pipe.execute()
            except RedisError as error:
                raise ResultStoreUnavailable(f"Redis: {error}") from error
