"""``python -m ops.local``: the whole service on this machine, until Ctrl-C. See ``make run``."""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ops.local import programs
from ops.local.banner import banner
from ops.local.programs import LOOPBACK, ROOT, Program, free_port
from ops.local.secrets_file import LocalSecrets, local_secrets
from ops.local.servers import BROKER, REDIS, Servers, choose_servers
from ops.local.supervise import Supervisor
from ops.local.waiting import WaitedInVain, wait_until

FOLDER = ROOT / ".run"
_READY_SECONDS = 120


class _Stop(Exception):
    """Somebody asked for the end."""


class _Services(NamedTuple):
    """What runs on top of the servers, and where it is reached."""

    programs: list[Program]
    port: int
    flower_port: int
    api_key: str


def _say(text: str) -> None:
    sys.stderr.write(f"regno: {text}\n")


def _ask_to_stop(_number: int, _frame: object) -> None:
    raise _Stop


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Two stacks of one checkout would share data folders. Raises WaitedInVain."""
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WaitedInVain("make run is already running in this folder") from None
        yield


def _port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
        return False


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _services(servers: Servers, secrets: LocalSecrets) -> _Services:
    port = int(os.environ.get("PORT", "5000"))
    if _port_taken(port):
        raise WaitedInVain(f"port {port} is taken; choose another: make run PORT=5001")
    key = os.environ.get("REGNO_API_KEYS", secrets.api_key).split(",")[0].strip()
    settings = {BROKER: servers.broker_url, REDIS: servers.redis_url}
    if "REGNO_API_KEYS" not in os.environ:
        settings["REGNO_API_KEYS"] = secrets.api_key
    flower_port = free_port()
    workers = int(os.environ.get("WORKERS", "2"))
    return _Services(
        [
            programs.worker(settings, workers),
            programs.api(settings, port, FOLDER / "metrics"),
            programs.flower(servers.broker_url, flower_port, secrets.flower_password),
        ],
        port,
        flower_port,
        key,
    )


def _start(supervisor: Supervisor, servers: Servers, services: _Services) -> None:
    """Servers first, one after the other, then the rest; returns when requests are answered."""

    def still_possible() -> bool:
        return supervisor.running() and not supervisor.failed()

    for program, port in servers.to_start:
        _say(f"starting {program.name}")
        supervisor.start(program)
        wait_until(lambda p=port: _listening(p), _READY_SECONDS, program.name, still_possible)  # type: ignore[misc]
    _say("starting " + ", ".join(program.name for program in services.programs))
    for program in services.programs:
        supervisor.start(program)
    wait_until(lambda: _ready(services.port), _READY_SECONDS, "/readyz", still_possible)


def _run() -> None:
    secrets = local_secrets(FOLDER / "secrets.json")
    servers = choose_servers(os.environ, FOLDER, secrets.server_password, _say)
    services = _services(servers, secrets)
    everything = [started.program for started in servers.to_start] + services.programs
    supervisor = Supervisor(everything, FOLDER)
    try:
        supervisor.wait_ready()
        _start(supervisor, servers, services)
        sys.stdout.write(
            banner(services.port, services.api_key, services.flower_port, secrets, servers.remarks)
        )
        sys.stdout.flush()
        while supervisor.running():
            time.sleep(1)
    except WaitedInVain:
        _say(f"did not start: {', '.join(supervisor.failed()) or 'too slow'}")
        _show_logs(supervisor.failed())
        raise
    finally:
        # A second Ctrl-C must not leave half of it behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _say("stopping")
        supervisor.stop()
        _say("stopped; nothing is left running")


def _show_logs(names: list[str]) -> None:
    for name in names:
        path = FOLDER / "log" / f"{name.replace('_', '-')}.log"
        if path.exists():
            lines = path.read_text(errors="replace").splitlines()[-15:]
            sys.stderr.write("\n".join([f"--- {path}", *lines, ""]))


def main() -> int:
    """Runs the stack; 0 when it was stopped, 1 when it could not start."""
    Path(FOLDER / "log").mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    try:
        with _only_one():
            _run()
    except _Stop:
        return 0
    except WaitedInVain as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
