"""``python -m tests.hostile``: the table of hostile messages, and what good callers notice."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from ops.local.programs import ROOT
from ops.local.stack import say
from shared.queues import Lane
from tests.hostile.attack import send_all, wait_empty
from tests.hostile.messages import hostile_messages
from tests.servers import Servers
from tests.stack import API_KEY, Stack

_SECONDS = 20
_PER_SECOND = 100


def _good_requests(stack: Stack, folder: Path, during: Callable[[], None]) -> dict[str, Any]:
    """The figures of good requests, sent by another process while ``during`` runs."""
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "ops.load", "--url", stack.url, "--key", API_KEY]
    command += ["--rate", str(_PER_SECOND), "--seconds", str(_SECONDS), "--json", str(figures)]
    with (
        (folder / "load.log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as load,
    ):
        while load.poll() is None:
            during()
    told: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
    return told


def _report(stack: Stack, folder: Path) -> int:
    """Prints the table; 0 where no worker ended and every good request was answered."""
    messages = hostile_messages()
    pids = [worker.pid for worker in stack.workers]
    refused: set[tuple[str, Lane]] = set()
    rounds = 0

    def attack() -> None:
        nonlocal rounds, refused
        refused |= send_all(stack, messages)
        wait_empty(stack)
        rounds += 1

    before = _good_requests(stack, folder, lambda: time.sleep(0.1))
    memory = [psutil.Process(pid).memory_info().rss for pid in pids]
    meanwhile = _good_requests(stack, folder, attack)
    for message in messages:
        lanes = sorted(lane.value for name, lane in refused if name == message.name)
        say(f"{message.name:45} {f'RabbitMQ refuses it in {lanes}' if lanes else 'borne'}")
    ended = [worker.pid for worker in stack.workers if not worker.running()]
    growth = max(
        (psutil.Process(pid).memory_info().rss - rss) / 2**20
        for pid, rss in zip(pids, memory, strict=True)
        if pid not in ended
    )
    log = max(worker.log.stat().st_size for worker in stack.workers)
    say(
        f"{len(messages)} messages, {rounds} rounds in both lanes within {_SECONDS} s; "
        f"workers that ended: {len(ended)}"
    )
    say(f"good requests: {meanwhile['requests']}, errors: {meanwhile['errors']}")
    p99, quiet = meanwhile["latency_ms"]["p99"], before["latency_ms"]["p99"]
    say(f"p99 {p99} ms; {quiet} ms without hostile messages")
    say(f"a worker's memory grew by at most {growth:.0f} MiB; its log has {log / 1024:.0f} KiB")
    return int(bool(ended or meanwhile["errors"]))


def main() -> int:
    """Starts everything it needs, and ends it."""
    argparse.ArgumentParser("python -m tests.hostile", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="regno-hostile-") as name:
        folder = Path(name)
        servers = Servers(folder)
        try:
            stack = Stack(servers.rabbit.url, servers.redis.url, folder, workers=2)
            try:
                stack.wait_ready()
                return _report(stack, folder)
            finally:
                stack.close()
        finally:
            servers.close()


if __name__ == "__main__":
    sys.exit(main())
