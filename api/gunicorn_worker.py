"""gunicorn's gevent worker, which does not wait for idle connections when it stops.

Load balancers keep connections open between requests. The stock worker would wait for each
until its graceful timeout, so every restart would take as long as that.
"""

from types import TracebackType
from typing import Any, Self, cast

import gevent
from gunicorn.workers.ggevent import GeventWorker

_LOOK_SECONDS = 0.1
_LAST_WORD_SECONDS = 0.1
"""While stopping, how long a connection that has been answered may send what is on its way."""


class _IdleWait(gevent.Timeout):  # type: ignore[misc]
    """Bounds the wait for a connection's next request, and lets a stopping worker end it."""

    def __init__(self, seconds: float, waits: "set[_IdleWait]") -> None:
        super().__init__(seconds, False)
        self._waits = waits
        self._greenlet = gevent.getcurrent()

    def end(self) -> None:
        """As if the time were up, unless a request has arrived by the time it happens."""
        gevent.get_hub().loop.run_callback(self._end_now)

    def _end_now(self) -> None:
        if self in self._waits:
            self._greenlet.throw(self)

    def __enter__(self) -> Self:
        self._waits.add(self)
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._waits.discard(self)
        return cast("bool | None", super().__exit__(kind, value, traceback))


class DrainingWorker(GeventWorker):  # type: ignore[misc]
    """Answers what it has taken, hangs up on the rest, and ends."""

    def init_process(self) -> None:
        """See gunicorn: runs in the new process, and returns when it ends."""
        self._waits: set[_IdleWait] = set()
        super().init_process()

    def timeout_ctx(self) -> _IdleWait:
        """See gunicorn: what surrounds the wait for a connection's next request."""
        seconds = self.cfg.keepalive if self.alive else _LAST_WORD_SECONDS
        return _IdleWait(seconds, self._waits)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """See gunicorn: one connection. A client that stalls in a body is hung up on."""
        client.settimeout(self.cfg.keepalive)
        # Past GeventWorker.handle, which only takes the timeout away again.
        super(GeventWorker, self).handle(listener, client, addr)

    def run(self) -> None:
        """See gunicorn: serves until told to stop."""
        gevent.spawn(self._hang_up_when_stopping)
        super().run()

    def _hang_up_when_stopping(self) -> None:
        while self.alive:
            gevent.sleep(_LOOK_SECONDS)
        for wait in list(self._waits):
            wait.end()
