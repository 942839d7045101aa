"""``python -m ops.load``: load at a constant rate, live progress, an exit status by thresholds."""

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import uvloop

from ops.load.connection import Reply
from ops.load.loops import Send, open_loop, sender
from ops.load.payloads import (
    PATHS,
    bodies,
    get_request,
    requests,
    rows_from_csv,
    synthesised_rows,
)
from ops.load.pool import ConnectionPool
from ops.load.record import Record

_ROWS = 1000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ops.load",
        description="Open loop: requests are sent at a constant rate whatever comes back, and "
        "latency counts from the moment each was due.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--url", default="http://127.0.0.1:5000")
    parser.add_argument("--key", default=os.environ.get("REGNO_API_KEYS", "").split(",")[0])
    parser.add_argument("--rate", type=float, default=500, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--mode", choices=list(PATHS), default="sync")
    parser.add_argument("--rows", type=int, default=1, help="rows in each request")
    parser.add_argument("--csv", type=Path, help="rows to send; synthesised ones without it")
    parser.add_argument("--connections", type=int, default=256, help="at most so many")
    parser.add_argument("--max-p99-ms", type=float, help="exit status 1 above this")
    parser.add_argument("--max-error-share", type=float, default=0.0, help="the same for errors")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def task_sender(pool: ConnectionPool, contents: list[bytes], url: str, key: str) -> Send:
    """Sends tasks and waits for each to end: done is the good answer, latency the whole way."""
    accept = requests(url, PATHS["async"], key, contents)

    def send(number: int, done: Callable[[Reply, bool], None]) -> None:
        def accepted(reply: Reply) -> None:
            if reply.status != HTTPStatus.ACCEPTED:
                done(reply, True)
                return
            task_id = json.loads(reply.body)["task_id"]
            look = get_request(url, f"/v1/tasks/{task_id}?wait=30", key)
            pool.send(look, lambda ended: done(ended, b'"status":"done"' in ended.body))

        pool.send(accept[number % len(accept)], accepted)

    return send


async def _show_progress(record: Record, began: float) -> None:
    before = 0
    while True:
        await asyncio.sleep(1)
        total, before = record.total - before, record.total
        sys.stderr.write(
            f"\r{time.perf_counter() - began:5.0f} s  {total:6d}/s  "
            f"p50 {record.milliseconds(50):7.2f} ms  p99 {record.milliseconds(99):7.2f} ms  "
            f"errors {record.errors}   "
        )
        sys.stderr.flush()


async def _run(arguments: argparse.Namespace, contents: list[bytes]) -> dict[str, object]:
    pool = ConnectionPool(arguments.url, arguments.connections)
    record = Record()
    if arguments.mode == "async":
        send = task_sender(pool, contents, arguments.url, arguments.key)
    else:
        send = sender(pool, requests(arguments.url, PATHS["sync"], arguments.key, contents))
    progress = asyncio.create_task(_show_progress(record, time.perf_counter()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = await open_loop(send, arguments.rate, arguments.seconds, record)
    after = resource.getrusage(resource.RUSAGE_SELF)
    progress.cancel()
    pool.close()
    sys.stderr.write("\n")
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    figures = record.summary(seconds)
    return figures | {"rate": arguments.rate, "own_cpu_share": round(cpu / seconds, 3)}


def main() -> int:
    """Runs the load; 0 where the thresholds hold."""
    arguments = _arguments()
    rows = rows_from_csv(arguments.csv) if arguments.csv else synthesised_rows(1, _ROWS)
    contents = bodies(rows, arguments.rows)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(_run(arguments, contents))
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    total, errors = float(str(figures["requests"])), float(str(figures["errors"]))
    late = (
        arguments.max_p99_ms is not None and figures["latency_ms"]["p99"] > arguments.max_p99_ms  # type: ignore[index]
    )
    return int(late or errors > arguments.max_error_share * total)


if __name__ == "__main__":
    sys.exit(main())
