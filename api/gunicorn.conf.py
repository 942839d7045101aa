"""How gunicorn runs the front door. https://docs.gunicorn.org/en/stable/settings.html"""

import gc
import os
import resource
from pathlib import Path

from shared.cpus import half_of_cpus

# The hooks import what they need when they run: what this file imported itself would be
# loaded before gevent's worker patches the standard library.

_host = os.environ.get("HOST") or "127.0.0.1"
_address = f"[{_host}]" if ":" in _host else _host  # IPv6
bind = [f"{_address}:{os.environ.get('PORT') or '5000'}"]
wsgi_app = "api.wsgi:create()"
worker_class = "api.server.worker.FrontDoorWorker"
logger_class = "api.server.log.GunicornLogger"
workers = int(os.environ.get("API_PROCESSES") or half_of_cpus())
# A process at its limit of open files could not even accept a client to hang up on it.
_open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
_own_files = 256  # at most: log, listeners, brokers, metrics
worker_connections = 8192
if _open_files != resource.RLIM_INFINITY:
    worker_connections = min(worker_connections, max(_open_files - _own_files, _open_files // 2))
# Longer than the longest wait a caller may ask for.
graceful_timeout = int(float(os.environ.get("REGNO_MAX_TIMEOUT") or "30")) + 5
timeout = 60
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - heartbeat file
control_socket_disable = True
_CONNECTED_SECONDS = 2.0


def on_starting(_server):
    # It is there after a container has been restarted on the volumes of the one that drained.
    Path(os.environ.get("REGNO_DRAIN_FILE", "/run/regno/draining")).unlink(missing_ok=True)
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:  # files of an earlier run would be counted again
        Path(folder).mkdir(parents=True, exist_ok=True)
        for stale in Path(folder).glob("*.db"):
            stale.unlink()


def post_worker_init(worker):
    from api.wsgi import DISPATCHER  # noqa: PLC0415

    dispatcher = worker.wsgi.extensions[DISPATCHER]
    dispatcher.start()
    # Until then callers wait in the listening socket's queue, or another process takes them.
    # Not for ever: somebody has to say what is missing.
    dispatcher.wait_connected(_CONNECTED_SECONDS)
    gc.collect()
    gc.freeze()  # what has been made so far stays: full collections, 25 ms each, need not look
    # Requests in hand are thousands of objects, which it would look at again and again: 7% of all
    # work in an overload. A prediction leaves nothing behind that only it can find.
    gc.set_threshold(50_000, 10, 10)


def worker_exit(_server, worker):
    from api.server.gate import SERVED  # noqa: PLC0415
    from api.wsgi import DISPATCHER, TELEMETRY  # noqa: PLC0415

    app = getattr(worker, "wsgi", None)  # there is none where it could not be made
    if app is not None:
        app.extensions[DISPATCHER].stop()
        app.extensions[SERVED].report()
        app.extensions[TELEMETRY].stop()


def child_exit(_server, worker):
    from prometheus_client import multiprocess  # noqa: PLC0415

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
