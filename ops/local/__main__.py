"""``python -m ops.local``: the whole service on this machine, until Ctrl-C. See ``make run``."""

import contextlib
import fcntl
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.local.programs import ROOT
from ops.local.stack import run_stack, say
from ops.local.waiting import WaitedInVain

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stop(BaseException):
    """Somebody asked for the end."""


def _ask_to_stop(_number: int, _frame: object) -> None:
    # Once is enough: a second Ctrl-C must not leave half of it behind.
    for number in _ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise _Stop


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two stacks would share data folders. Raises WaitedInVain."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WaitedInVain("make run is already running in this folder") from None
        yield


def main() -> int:
    """Runs the stack; 0 when it was stopped, 1 when it could not start or fell over."""
    folder = Path(os.environ.get("RUN_FOLDER") or ROOT / ".run").resolve()
    (folder / "log").mkdir(parents=True, exist_ok=True)
    for number in _ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it for SIGHUP
            signal.signal(number, _ask_to_stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Where a terminal has no Cyrillic, as JSON escapes it: the printed line still works.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _only_one(folder):
            run_stack(os.environ, folder)
    except _Stop:
        pass
    except WaitedInVain as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
