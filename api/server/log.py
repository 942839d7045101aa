"""gunicorn's own messages go where all others go, in the same form."""

import logging
import os
from types import TracebackType
from typing import Any

from gunicorn.glogging import Logger

from shared.log import set_up_logging

_logger = logging.getLogger(__name__)


class GunicornLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, which leaves writing to the handlers of the process."""

    def setup(self, cfg: Any) -> None:
        """See gunicorn: called before it says its first word, and when it loads its settings."""
        super().setup(cfg)
        set_up_logging(os.environ, "api")
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)


def log_errors_of(hub: Any) -> None:
    """Has errors in gevent's callbacks and greenlets logged; it would print them."""
    hub.print_exception = _log_error


def _log_error(
    _context: object,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    _logger.error("an error in the event loop", exc_info=(kind, error or kind(), trace))
