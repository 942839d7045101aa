"""How often suspects have begun alone and not ended: in Redis, which outlives a worker.

Each delivery counts once, however often its beginning is noted: while Redis hangs a command may be
sent several times, and all of them be done when it goes on.
"""

from collections.abc import Sequence

from redis import Redis, RedisError
from redis.client import Pipeline

from shared.beginnings import beginnings_key
from shared.errors import ResultStoreUnavailable
from worker.job import Job

_TTL_MS = 3_600_000
"""Renewed by every beginning. Between two lies the restart of a worker: minutes at the most."""


# A key of another type is none of a worker's.
_COUNT = """
local count = redis.pcall('SCARD', KEYS[1])
if type(count) == 'number' then return count end
redis.call('DEL', KEYS[1])
return 0
"""


class Beginnings:
    """Both methods raise ResultStoreUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def count(self, jobs: Sequence[Job]) -> list[int]:
        """How often each has begun."""
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for job in jobs:
                    pipe.eval(_COUNT, 1, beginnings_key(job.task_id))
                return pipe.execute()
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error

    def note(self, job: Job) -> int:
        """One suspect begins; how often it had begun before, in other deliveries."""
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.sadd(beginnings_key(job.task_id), str(job.redelivery))
                pipe.pexpire(beginnings_key(job.task_id), _TTL_MS)
                pipe.scard(beginnings_key(job.task_id))
                begun: int = pipe.execute()[-1]
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return begun - 1


def forget_beginnings(pipe: Pipeline, job: Job) -> None:
    """Adds to a pipeline that this suspect has ended, otherwise than by being given up."""
    pipe.delete(beginnings_key(job.task_id))
