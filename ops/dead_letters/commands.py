"""What each command does. Each looks at every letter once, and says what it did with it."""

from collections.abc import Callable, Collection, Iterable, Iterator

from ops.dead_letters import report
from ops.dead_letters.letter import Letter, replayed_headers
from ops.dead_letters.queue import DeadQueue
from ops.dead_letters.tasks import TaskResults
from shared.queues import DEAD_QUEUE

Say = Callable[[str], None]
"""Shows the operator a line."""


class Refused(Exception):
    """A letter cannot be replayed; the text says why."""


def list_letters(queue: DeadQueue, say: Say, *, as_json: bool) -> bool:
    """One line for each letter."""
    lines = [report.summary(letter) for letter in queue.letters()]
    say(report.as_json(lines) if as_json else report.table(lines))
    return True


def show(queue: DeadQueue, say: Say, wanted: str) -> bool:
    """All that there is in one letter, what its caller has sent included."""
    found = Chosen([wanted])
    for letter in found.of(queue.letters()):
        say(report.details(letter))
    return found.all_found(say)


class Chosen:
    """The letters that a command is about."""

    def __init__(self, ids: Collection[str] | None) -> None:
        """All of them where no ids are given."""
        self._ids = ids
        self._found: set[str] = set()

    def of(self, letters: Iterable[Letter]) -> Iterator[Letter]:
        """Those of ``letters``."""
        for letter in letters:
            if self._ids is None or letter.id in self._ids:
                self._found.add(letter.id)
                yield letter

    def all_found(self, say: Say) -> bool:
        """Whether each id was there; says which was not."""
        missing = [wanted for wanted in self._ids or () if wanted not in self._found]
        for wanted in missing:
            say(f"{wanted}: no such letter in {DEAD_QUEUE}")
        return not missing


def drop(queue: DeadQueue, tasks: TaskResults, say: Say, chosen: Chosen) -> bool:
    """Removes letters. A task that had no end yet fails: nobody is going to do it."""
    for letter in chosen.of(queue.letters()):
        if letter.is_task:
            tasks.end(letter)
        queue.remove(letter)
        say(f"{report.one_line(letter)}: dropped")
    return chosen.all_found(say)


class Replay:
    """Hands letters to the workers once more.

    The result waits again before the message is sent, or a worker would take its task for ended;
    the message is confirmed before the letter is removed. So whenever this is interrupted the
    letter is still there, and may be replayed again: a task that is done by then stays done.
    """

    def __init__(self, queue: DeadQueue, tasks: TaskResults, say: Say, task_ttl: float) -> None:
        """``task_ttl``: how long a task may wait for a worker, in seconds."""
        self._queue = queue
        self._tasks = tasks
        self._say = say
        self._task_ttl = task_ttl

    def run(self, chosen: Chosen) -> bool:
        """Whether every letter that was asked for could be replayed."""
        well = True
        for letter in chosen.of(self._queue.letters()):
            try:
                outcome = self._replay(letter)
            except Refused as refusal:
                well, outcome = False, f"left where it is: {refusal}"
            self._say(f"{report.one_line(letter)}: {outcome}")
        return chosen.all_found(self._say) and well

    def _replay(self, letter: Letter) -> str:
        if not letter.is_task:
            raise Refused("it is no task")
        if letter.chunk is not None:
            raise Refused("the other parts of its array are not kept: it is to be sent again")
        now = self._tasks.now()
        ended = self._tasks.revive(letter)
        if ended is None:
            headers = replayed_headers(letter, now, self._task_ttl)
            self._queue.put_back(letter, headers)
        self._queue.remove(letter)
        return "replayed" if ended is None else f"removed: it is {ended}"
