"""gunicorn's worker for the front door: its process and signals, our connections.

gunicorn reads and writes HTTP in Python, a layer at a time, which under load was more than a
third of the front door's work. Here httptools parses, and a response leaves in one write.
"""

import gevent
from gunicorn.workers.ggevent import GeventWorker

from api.server.connection import Patience
from api.server.door import FrontDoor, Listener
from api.server.gate import SERVED
from api.server.log import log_errors_of
from api.server.serving import drain, serve

_HEAD_SECONDS = 30.0
_READ_SECONDS = 20.0
_LINGER_SECONDS = 2.0
_LAST_SECONDS = 30.0


class FrontDoorWorker(GeventWorker):  # type: ignore[misc]
    """Answers what it has taken, hangs up on the rest, and ends."""

    def run(self) -> None:
        """See gunicorn: serves until told to stop."""
        log_errors_of(gevent.get_hub())
        served = self.wsgi.extensions[SERVED]
        patience = Patience(
            served.keep_alive, _HEAD_SECONDS, _READ_SECONDS, _LINGER_SECONDS, _LAST_SECONDS
        )
        door = FrontDoor(self.wsgi, served, patience, self.worker_connections)
        listeners = [Listener(sock, door) for sock in self.sockets]
        if self.cfg.workers > 1:
            for listener in listeners:
                listener.max_accept = 1  # or one process takes all that come together
        serve(door, listeners, lambda: self.alive, self.notify)
        drain(door, self.cfg.graceful_timeout, self.notify)
