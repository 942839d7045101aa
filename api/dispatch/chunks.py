"""How a request becomes task messages: one, or for a large array several that workers share."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from api.dispatch.publisher import Done
from shared.errors import BrokerUnavailable
from shared.messages import Chunk
from shared.rows import Row


class Part(NamedTuple):
    """The rows of one task message, and their place where the message is not all there is."""

    task_id: str
    rows: Sequence[Row]
    chunk: Chunk | None


def split(task_id: str, rows: Sequence[Row], most_rows: int) -> list[Part]:
    """The parts of a request, in order: one where it has at most ``most_rows`` rows.

    Else as few as there can be, whose sizes differ by one row at most: the last to be done
    decides when the array is.
    """
    if len(rows) <= most_rows:
        return [Part(task_id, rows, None)]
    count = -(-len(rows) // most_rows)
    edges = [place * len(rows) // count for place in range(count + 1)]
    return [
        Part(f"{task_id}-{place}", rows[start:end], Chunk(task_id, place, count, start))
        for place, (start, end) in enumerate(pairwise(edges))
    ]


def when_all(count: int, done: Done) -> Done:
    """One callback for ``count`` messages: tells ``done`` of each error, or once of no error.

    To be called from one thread, a publisher's.
    """
    missing = [None] * count

    def confirmed(error: BrokerUnavailable | None) -> None:
        if error is not None:
            done(error)
            return
        missing.pop()
        if not missing:
            done(None)

    return confirmed
