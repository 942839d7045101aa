"""Where outcomes go: Redis, a whole batch in one round trip."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from redis import Redis, RedisError
from redis.client import Pipeline

from shared.errors import ResultStoreUnavailable
from shared.queues import Lane
from shared.results import (
    READ_IN_LUA,
    REPLY_PREFIX,
    encode_unfinished,
    join_results,
    result_key,
)
from worker.beginnings import forget_beginnings
from worker.cache import keep_for_identical
from worker.ends import BEFORE, CANCELLED, EXPIRED, GIVEN_UP, End
from worker.gather import Gatherer, Piece
from worker.job import Job

# What each task is: free to run now, or ended. One that was started is free: its worker died. But
# where another message started it, that one is still to be ended, or delivered again, and this one
# is too many. One that has no key (sent by a plain Celery client) is free too.
_CLAIM = (
    READ_IN_LUA
    + """
local found = {}
for i, key in ipairs(KEYS) do
    local message, started = ARGV[2 * i - 1], ARGV[2 * i]
    local stored = read(key)
    local status = stored and string.match(stored, '"status":"(%u+)"')
    if status == 'PENDING' then
        redis.call('SET', key, started, 'KEEPTTL')
    end
    local by = status == 'STARTED' and string.match(stored, '"result":"([%d.]+)"')
    if by and message ~= '' and message ~= by then
        found[i] = 'ended'
    elseif not stored or status == 'PENDING' or status == 'STARTED' then
        found[i] = 'free'
    elseif status ~= 'REVOKED' then
        found[i] = 'ended'
    else
        local expired = string.find(stored, '"exc_message":["EXPIRED"]', 1, true)
        found[i] = expired and 'expired' or 'cancelled'
    end
end
return found
""".replace("EXPIRED", EXPIRED.why)
)

# An accepted task ends once: what a worker brings that was taken for dead changes nothing. It is
# announced only if it could be stored.
_END = (
    READ_IN_LUA
    + """
local stored = read(KEYS[1])
local status = stored and string.match(stored, '"status":"(%u+)"')
local ended = status and status ~= 'PENDING' and status ~= 'STARTED'
if ended and stored ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[1])
return true
"""
)

# A task of the sync lane has no key before it ends. Where there is one, its id is that of another
# task, which keeps its state and is not announced.
_STORE_NEW = """
if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then
    redis.call('PUBLISH', KEYS[1], ARGV[1])
end
"""
_FOUND = {b"free": None, b"ended": BEFORE, b"expired": EXPIRED, b"cancelled": CANCELLED}


class Outcome(NamedTuple):
    """A job and the stored form of what became of it; None where that is stored already."""

    job: Job
    encoded: bytes | Piece | None
    """A piece is what a chunk adds to its array; bytes are the end of a task or of an array."""
    end: End


class ResultStore:
    """Claims tasks and stores what they ended with."""

    def __init__(
        self,
        redis: Redis,
        sync_ttl: float,
        async_ttl: float,
        wall_clock: Callable[[], float],
    ) -> None:
        """The two TTLs are in seconds: how long a result is kept, by lane.

        ``wall_clock`` gives Unix time in seconds, by the clock that deadlines are set by.
        """
        self._redis = redis
        self._claim = redis.register_script(_CLAIM)
        ttl = {Lane.SYNC: sync_ttl, Lane.ASYNC: async_ttl}
        self._ttl_ms = {lane: int(seconds * 1000) for lane, seconds in ttl.items()}
        self._gatherer = Gatherer(ttl, wall_clock)

    def claim(self, jobs: Sequence[Job]) -> list[End | None]:
        """For each job how its task has ended already; those that have not are marked as started.

        A second message of a task that is being done counts as ended before. One atomic step, so
        a cancel either comes before it and wins or comes too late.
        Raises ResultStoreUnavailable.
        """
        args: list[str | bytes] = []
        for job in jobs:
            name = job.message_name
            args += [name, encode_unfinished("STARTED", job.result_id, name or None)]
        try:
            answer = self._claim(keys=[result_key(job.result_id) for job in jobs], args=args)
        except RedisError as error:
            raise ResultStoreUnavailable(f"Redis: {error}") from error
        return [_FOUND[found] for found in answer]

    def store(self, outcomes: Sequence[Outcome]) -> None:
        """Stores every outcome and announces it to whoever waits.

        An api process hears of all its tasks in one message on its reply channel. Everybody
        else (Celery clients, long polls, identical requests) listens where Celery announces,
        on the result's key.
        Raises ResultStoreUnavailable; storing again does no harm.
        """
        replies: dict[str, list[bytes]] = {}
        placed: list[tuple[int, Job]] = []
        with self._redis.pipeline(transaction=False) as pipe:
            for job, encoded, _ in outcomes:
                if encoded is None:
                    continue
                if isinstance(encoded, Piece):
                    placed.append((len(pipe), job))
                    self._gatherer.put(pipe, job, encoded)
                elif job.chunk is None:
                    self._keep(pipe, job, encoded, replies)
                else:
                    self._gatherer.end_early(pipe, job, job.chunk, encoded)
            for channel, results in replies.items():
                pipe.publish(channel, join_results(results))
            for job, _, end in outcomes:
                if job.redelivery is not None and end is not GIVEN_UP:
                    forget_beginnings(pipe, job)
            answers = _execute(pipe)
        self._end_complete([(job, answers[at]) for at, job in placed if answers[at]])

    def _keep(
        self, pipe: Pipeline, job: Job, encoded: bytes, replies: dict[str, list[bytes]]
    ) -> None:
        """Stores the end of an ordinary task; ``replies`` gathers what api processes hear."""
        key, ttl_ms = result_key(job.task_id), self._ttl_ms[job.lane]
        if job.lane is Lane.ASYNC:
            pipe.eval(_END, 1, key, encoded, ttl_ms)
            return
        ours = job.reply_to is not None and job.reply_to.startswith(REPLY_PREFIX)
        if ours:
            replies.setdefault(str(job.reply_to), []).append(encoded)
        if job.cache is not None:
            keep_for_identical(pipe, job.cache, encoded)
        if ours and job.cache is None:
            pipe.set(key, encoded, px=ttl_ms, nx=True)
        else:  # somebody may listen there
            pipe.eval(_STORE_NEW, 1, key, encoded, ttl_ms)

    def _end_complete(self, arrays: Sequence[tuple[Job, list[bytes]]]) -> None:
        """Ends the arrays whose last piece was stored just now, given with all their pieces."""
        if not arrays:
            return
        with self._redis.pipeline(transaction=False) as pipe:
            for job, pieces in arrays:
                self._gatherer.end_together(pipe, job, pieces)
            _execute(pipe)


def _execute(pipe: Pipeline) -> list[Any]:
    """Sends the pipeline; Redis's answers. Raises ResultStoreUnavailable."""
    try:
        return pipe.execute()
    except RedisError as error:
        raise ResultStoreUnavailable(f"Redis: {error}") from error
