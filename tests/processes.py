"""Real processes for tests: started, waited for, ended by their own ids."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ops.local import waiting
from ops.local.programs import ROOT, Program

STOP_SECONDS = 30


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Polls a condition; fails the test, saying what was waited for, when time is up."""
    try:
        waiting.wait_until(condition, seconds, what)
    except waiting.WaitedInVain as error:
        raise AssertionError(str(error)) from None


def child_environment(added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: the tests' own and what the program adds."""
    return {**os.environ, **added}


class Process:
    """A running program, in a process group of its own, its output in a file."""

    def __init__(self, program: Program, folder: Path, copy: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{program.name}-{copy}.log"
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=child_environment(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signals the whole group: scripts start the program they are for as a child."""
        os.killpg(self._popen.pid, number)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped in its tracks while the context lasts: it holds its connections, and is mute."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.resume()

    def resume(self) -> None:
        """Ends a pause; no harm where there is none."""
        self.send(signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """The exit status of a program that ends by itself."""
        return self._popen.wait(seconds)

    def stop(self) -> int:
        """TERM, and the exit status. Fails where the process does not end in time."""
        if self.running():
            self.send(signal.SIGTERM)
        try:
            return self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop; its log: {self.tail()}") from None

    def kill(self) -> None:
        if self.running():
            self.send(signal.SIGKILL)
        self._popen.wait(STOP_SECONDS)

    def tail(self, size: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-size:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
