"""A file whose time says that this worker consumes, for the health check of its container.

It is renewed from the message loop, as the worker's key in Redis is (shared/presence.py): a worker
whose loop hangs, or that lost its broker, lets it grow old or takes it away. Unlike the key it
needs no server, so that an outage of Redis makes no worker look sick.
"""

import logging
import sys
import time
from pathlib import Path

_logger = logging.getLogger(__name__)

STALE_SECONDS = 15.0
"""A batch while Redis does not answer holds the loop up for several seconds."""


class Heartbeat:
    """Says that the worker consumes; silent where there is no file to say it with.

    A file that cannot be written is logged and nothing else: the health check tells.
    """

    def __init__(self, path: Path | None) -> None:
        """Nothing is written before the first ``beat``."""
        self._path = path

    def beat(self) -> None:
        """The worker consumes at this moment."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            _logger.warning("could not renew the heartbeat: %s", error)

    def end(self) -> None:
        """The worker consumes no more."""
        if self._path is None:
            return
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("could not end the heartbeat: %s", error)


def beats(path: Path, now: float) -> bool:
    """Whether the file was renewed within STALE_SECONDS before ``now``, in Unix seconds."""
    try:
        return now - path.stat().st_mtime < STALE_SECONDS
    except FileNotFoundError:
        return False


def main() -> int:
    """``python -m worker.heartbeat FILE``: 0 where a worker renews that file, else 1."""
    (path,) = sys.argv[1:]
    return 0 if beats(Path(path), time.time()) else 1


if __name__ == "__main__":
    sys.exit(main())
