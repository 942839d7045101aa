"""A large array's result in Redis: the pieces of its chunks, and the one end that they make.

Whoever stores the last piece is handed all of them, puts them together and ends the array. A
worker that dies in between has not acknowledged its chunk: delivered again, it is computed
again, the pieces are complete again, and the array is ended then.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from redis.client import Pipeline

from shared.messages import Chunk
from shared.queues import Lane
from shared.results import (
    READ_IN_LUA,
    REPLY_PREFIX,
    encode_success,
    join_pieces,
    join_results,
    result_key,
)
from worker.job import Job

PIECES_PREFIX = "regno:pieces:"
"""Of the keys below."""

_MOST_SECONDS_LEFT = 7 * 24 * 3600.0
"""Until a chunk expires, by a header of its message."""

# Both scripts begin with this: an array that has ended stays as it is. One without a key has
# not, it came by the sync lane.
_UNLESS_ENDED = (
    READ_IN_LUA
    + """
local stored = read(KEYS[1])
local status = stored and string.match(stored, '"status":"(%u+)"')
if stored and status ~= 'PENDING' and status ~= 'STARTED' then return false end
"""
)

_PUT = (
    _UNLESS_ENDED
    + """
local place, piece, ttl, total = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if type(redis.pcall('HSET', KEYS[2], place, piece)) == 'table' then
    redis.call('DEL', KEYS[2])  -- a key of another type
    redis.call('HSET', KEYS[2], place, piece)
end
redis.call('PEXPIRE', KEYS[2], ttl)
if redis.call('HLEN', KEYS[2]) < total then return false end
local pieces = {}
for i = 1, total do pieces[i] = redis.call('HGET', KEYS[2], i - 1) end
return pieces
"""
)

_END = (
    _UNLESS_ENDED
    + """
local encoded, ttl, replies, reply = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
redis.call('SET', KEYS[1], encoded, 'PX', ttl)
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', KEYS[1], encoded)
if replies ~= '' then redis.call('PUBLISH', replies, reply) end
return true
"""
)


def pieces_key(array_id: str, chunks: int) -> str:
    """The hash of an array's pieces by place.

    It carries the number of its chunks: an array that is sent again may be split in another way.
    """
    return f"{PIECES_PREFIX}{array_id}:{chunks}"


class Piece(NamedTuple):
    """What became of a chunk whose rows were predicted: a part of its array's result."""

    chunk: Chunk
    encoded: bytes
    """``Predictions`` as JSON."""


class Gatherer:
    """Places the outcomes of chunks. All methods only add commands to a pipeline."""

    def __init__(self, ttl: Mapping[Lane, float], wall_clock: Callable[[], float]) -> None:
        """``ttl`` is how long results are kept, in seconds; the clock gives Unix time."""
        self._ttl = ttl
        self._wall_clock = wall_clock

    def put(self, pipe: Pipeline, job: Job, piece: Piece) -> None:
        """Adds a piece; Redis answers with all the pieces in order once all are there.

        Adding a piece again does no harm; for an array that has ended it is dropped.
        """
        chunk, encoded = piece
        ttl = self._longest_ttl_ms(job)
        pipe.eval(_PUT, 2, *_keys(job, chunk.total), chunk.place, encoded, ttl, chunk.total)

    def end_together(self, pipe: Pipeline, job: Job, pieces: list[bytes]) -> None:
        """Ends the array of a chunk with the predictions of all its rows."""
        encoded = encode_success(job.result_id, join_pieces(pieces))
        _end(pipe, _keys(job, len(pieces)), job, encoded, int(self._ttl[job.lane] * 1000))

    def end_early(self, pipe: Pipeline, job: Job, chunk: Chunk, encoded: bytes) -> None:
        """Ends the array of a chunk as that chunk ended: failed, expired or revoked."""
        _end(pipe, _keys(job, chunk.total), job, encoded, self._longest_ttl_ms(job))

    def _longest_ttl_ms(self, job: Job) -> int:
        """As long as other chunks of the array may still be on their way, and a result's life."""
        now = self._wall_clock()
        left = max(0.0, job.expires_at - now) if job.expires_at is not None else 0.0
        return int((min(left, _MOST_SECONDS_LEFT) + self._ttl[job.lane]) * 1000)


def _end(pipe: Pipeline, keys: tuple[str, str], job: Job, encoded: bytes, ttl_ms: int) -> None:
    ours = job.reply_to is not None and job.reply_to.startswith(REPLY_PREFIX)
    replies = str(job.reply_to) if ours else ""
    pipe.eval(_END, 2, *keys, encoded, ttl_ms, replies, join_results([encoded]))


def _keys(job: Job, chunks: int) -> tuple[str, str]:
    return result_key(job.result_id), pieces_key(job.result_id, chunks)
