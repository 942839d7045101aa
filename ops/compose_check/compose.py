"""docker-compose, old or current, on this project's file, under a name of the check's own."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from ops.local.programs import ROOT

PROJECT = "regno-check"
_FILE = "docker-compose.yml"
_SECONDS = 1800
"""Bound on one command; building the worker's image is the longest."""


class CommandFailed(Exception):
    """A command ended with an error; the message holds the end of what it said."""


def run_command(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """What the command printed. Raises CommandFailed."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **variables},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{' '.join(command)}: not within {_SECONDS} s") from None
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise CommandFailed(f"{' '.join(command)}: exit status {done.returncode}\n{said}")
    return done.stdout


def find_compose() -> tuple[str, ...]:
    """The current ``docker compose`` where Docker has it, else ``docker-compose``.

    Raises CommandFailed where there is neither.
    """
    try:
        run_command(("docker", "compose", "version"), {})
    except (CommandFailed, FileNotFoundError):
        if shutil.which("docker-compose") is None:
            raise CommandFailed("neither docker compose nor docker-compose is here") from None
        return ("docker-compose",)
    return ("docker", "compose")


class Compose:
    """One stack. Every method raises CommandFailed."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` are those of ``.env.example``."""
        self._command = (*find_compose(), "--project-name", PROJECT, "--file", _FILE)
        self._variables = variables

    def build(self, services: Sequence[str]) -> None:
        """Builds the images of those services that have a Dockerfile."""
        self._run("build", *services)

    def up(self, services: Sequence[str]) -> None:
        """Starts the services."""
        self._run("up", "--detach", *services)

    def scale(self, service: str, copies: int) -> None:
        """Starts or stops containers of one service until there are so many."""
        scale = f"{service}={copies}"
        self._run("up", "--detach", "--no-deps", "--no-recreate", "--scale", scale, service)

    def restart(self, service: str) -> None:
        """Stops every container of the service and starts it again."""
        self._run("restart", service)

    def run(self, service: str, *arguments: str) -> str:
        """Runs a container that ends by itself; what it printed."""
        return self._run("run", "--rm", "-T", service, *arguments)

    def shell(self, command: str) -> None:
        """Runs a line that somebody would type, in which docker-compose means this stack."""
        here = command.replace("docker-compose", shlex.join(self._command))
        run_command(("bash", "-c", here), self._variables)

    def logs(self, service: str) -> str:
        """The last lines that its containers have written."""
        return self._run("logs", "--tail", "15", service)

    def down(self) -> None:
        """Removes containers, network and data; the images stay."""
        self._run("down", "--volumes", "--remove-orphans")

    def health(self, service: str) -> set[str]:
        """What the health checks of its containers say: healthy, unhealthy, starting or none."""
        template = "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"
        ids = self._containers(service)
        return set(self._inspect(template, ids).split()) if ids else {"no container"}

    def image_bytes(self, service: str) -> int:
        """Size of the image that the service runs, its base included."""
        image = self._inspect("{{.Image}}", self._containers(service)[:1]).strip()
        return int(self._inspect("{{.Size}}", [image]))

    def _containers(self, service: str) -> list[str]:
        labels = {"project": PROJECT, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        return run_command(("docker", "ps", "--quiet", *filters), {}).split()

    def _inspect(self, template: str, ids: Sequence[str]) -> str:
        return run_command(("docker", "inspect", "--format", template, *ids), {})

    def _run(self, *arguments: str) -> str:
        return run_command((*self._command, *arguments), self._variables)
