"""``python -m ops.load``: load at a constant rate, live progress, an exit status by thresholds."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.load.loops import Send, open_loop, sender
from ops.load.payloads import PATHS, bodies, requests, rows_from_csv, synthesised_rows
from ops.load.pool import ConnectionPool
from ops.load.progress import show_progress
from ops.load.record import Record
from ops.load.schedule import Phase, Schedule
from ops.load.tasks import task_sender

_ROWS = 1000
_UNREACHABLE = 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ops.load",
        description="Open loop: requests are sent at a constant rate whatever comes back, and "
        "latency counts from the moment each was due.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--url", default=os.environ.get("LOAD_URL", "http://127.0.0.1:5000"))
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


def _sender(arguments: argparse.Namespace, pool: ConnectionPool) -> Send:
    rows = rows_from_csv(arguments.csv) if arguments.csv else synthesised_rows(1, _ROWS)
    contents = bodies(rows, arguments.rows)
    if arguments.mode == "async":
        return task_sender(pool, contents, arguments.url, arguments.key)
    return sender(pool, requests(arguments.url, PATHS["sync"], arguments.key, contents))


def _run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the run. Raises OSError where the service cannot be reached."""
    pool = ConnectionPool(arguments.url, arguments.connections)
    send = _sender(arguments, pool)
    pool.fill()
    record = Record()
    used = time.process_time()
    schedule = Schedule(Phase(arguments.rate, arguments.seconds))
    seconds = open_loop(pool, send, schedule, record.add, show_progress(record, sys.stderr))
    used = time.process_time() - used
    pool.close()
    figures = record.summary(seconds)
    return figures | {"rate": arguments.rate, "own_cpu_share": round(used / seconds, 3)}


def within(figures: dict[str, Any], max_p99_ms: float | None, max_error_share: float) -> bool:
    """Whether a run's figures keep to the thresholds; no p99 is asked for where it is None."""
    late = max_p99_ms is not None and figures["latency_ms"]["p99"] > max_p99_ms
    return not late and bool(figures["errors"] <= max_error_share * figures["requests"])


def check_url(url: str) -> None:
    """Raises ValueError for what is not sent to: the key would travel in plain text."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("expected http://host:port: this sends no HTTPS, go past the proxy")


def main() -> int:
    """Runs the load; 0 where the thresholds hold, 1 where not, 2 where it cannot be sent."""
    arguments = _arguments()
    try:
        check_url(arguments.url)
        figures = _run(arguments)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"load: {arguments.url}: {error}\n")
        return _UNREACHABLE
    text = json.dumps(figures, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return int(not within(figures, arguments.max_p99_ms, arguments.max_error_share))


if __name__ == "__main__":
    sys.exit(main())
