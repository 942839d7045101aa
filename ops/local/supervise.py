"""Runs programs under supervisor: http://supervisord.org

It restarts what dies, keeps the output of each in a file, and stops everything in the
reverse of the start order, the front door first and the servers last.
"""

import contextlib
import http.client
import os
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from ops.local.programs import ROOT, Program
from ops.local.waiting import WaitedInVain, wait_until

_SOCKET = "supervisor.sock"
_SOCKET_BYTES = 91
"""Of the path: Linux has 107, and supervisor adds a dot and its process id for a while."""

_START_SECONDS = 15
_STOP_MARGIN_SECONDS = 10


def _plain(value: object) -> str:
    """Text as supervisor's configuration holds it: a percent sign begins an expansion there."""
    return str(value).replace("%", "%%")


def _section(program: Program, logs: Path) -> str:
    pairs = ",".join(f'{k}="{_plain(v)}"' for k, v in program.environment.items())
    name = "%(program_name)s_%(process_num)s" if program.copies > 1 else "%(program_name)s"
    number = "-%(process_num)s" if program.copies > 1 else ""
    log = f"{_plain(logs)}/{program.name}{number}.log"
    command = " ".join(_plain(shlex.quote(word)) for word in program.command)
    return f"""
[program:{program.name}]
command={command}
process_name={name}
numprocs={program.copies}
directory={_plain(ROOT)}
environment={pairs}
priority={program.priority}
autostart=false
autorestart=unexpected
exitcodes=78
startsecs=1
startretries=5
stopwaitsecs={program.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


def _configuration(programs: Sequence[Program], folder: Path) -> str:
    plain = _plain(folder)
    head = f"""
[supervisord]
nodaemon=true
silent=true
logfile={plain}/log/supervisor.log
pidfile={plain}/supervisor.pid
childlogdir={plain}/log

[unix_http_server]
file={plain}/{_SOCKET}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{plain}/{_SOCKET}
"""
    return head + "".join(_section(program, folder / "log") for program in programs)


def check_socket_path(folder: Path) -> None:
    """Raises WaitedInVain where supervisor's socket would have too long a path."""
    length = len(os.fsencode(folder / _SOCKET))
    if length > _SOCKET_BYTES:
        raise WaitedInVain(
            f"the path {folder} is {length - _SOCKET_BYTES} bytes too long for a socket in it; "
            "set RUN_FOLDER to a shorter one"
        )


class Supervisor:
    """A supervisord for some programs; it starts none of them by itself."""

    def __init__(
        self, programs: Sequence[Program], folder: Path, environment: Mapping[str, str]
    ) -> None:
        """``folder`` gets the configuration, the control socket and the logs.

        Every program gets ``environment``, which is written nowhere: the place for secrets
        and for whatever a user has set.
        """
        self._environment = environment
        self._programs = programs
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Starts supervisord. Raises WaitedInVain where it does not come up."""
        (self._folder / "log").mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "supervisord.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(_configuration(self._programs, self._folder), encoding="utf-8")
        # A session of its own: Ctrl-C reaches only the runner, which then stops it in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            stdin=subprocess.DEVNULL,
            env=dict(self._environment),
            start_new_session=True,
        )
        wait_until(self._answers, _START_SECONDS, "supervisor", self.running)

    def running(self) -> bool:
        """Whether supervisor itself still runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, program: Program) -> None:
        """Starts all copies of a program, without waiting until they are of use."""
        self._call("startProcessGroup", program.name, False)

    def halt(self, program: Program) -> None:
        """Stops all copies of a program and waits until they are gone."""
        self._call("stopProcessGroup", program.name, True)

    def pids(self, program: Program) -> list[int]:
        """Process ids of the running copies of a program."""
        states = self._call("getAllProcessInfo")
        return [s["pid"] for s in states if s["group"] == program.name and s["pid"]]

    def failed(self) -> list[str]:
        """Names of the processes that supervisor has given up or that ended by themselves."""
        states = self._call("getAllProcessInfo")
        return [s["name"] for s in states if s["statename"] in ("FATAL", "EXITED")]

    def restart(self, name: str) -> None:
        """Starts a process anew that was given up. ``name`` is as ``failed`` tells it."""
        for state in self._call("getAllProcessInfo"):
            if state["name"] == name:
                with contextlib.suppress(xmlrpc.client.Fault):  # it runs again already
                    self._call("startProcess", f"{state['group']}:{name}", False)

    def stop(self) -> None:
        """Stops every program, the last started first, and supervisor itself.

        Raises WaitedInVain where supervisor does not end; it kills what does not stop by itself.
        """
        if self._process is None:
            return
        if self._answers():
            self._forget_idle()
        self._process.terminate()
        longest = sum(program.stop_seconds for program in self._programs) + _STOP_MARGIN_SECONDS
        try:
            self._process.wait(longest)
        except subprocess.TimeoutExpired as error:
            raise WaitedInVain(f"supervisor (process {self._process.pid}) did not stop") from error

    def _forget_idle(self) -> None:
        """Supervisor would take a second for each program that does not run, to stop nothing."""
        for program in self._programs:
            if not self.pids(program):
                with contextlib.suppress(xmlrpc.client.Fault):  # it is about to be started again
                    self._call("removeProcessGroup", program.name)

    def _call(self, method: str, *arguments: object) -> Any:
        """Calls supervisor on a connection of its own: one that failed once stays broken."""
        transport = SupervisorTransport(serverurl=f"unix://{self._folder}/{_SOCKET}")
        with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _answers(self) -> bool:
        try:
            return bool(self._call("getState"))
        except (OSError, http.client.HTTPException, xmlrpc.client.Fault):
            return False
