"""``ops/compose-check``: builds and starts docker-compose.yml, tries it, prints a ledger."""

import argparse
import signal
import sys
from pathlib import Path

from ops.bench.systems import url_of
from ops.bench.work import read_work
from ops.compose_check.compose import CommandFailed, Compose
from ops.compose_check.ledger import Ledger, sizes_table
from ops.compose_check.plan import read_compose, services_to_try, variables
from ops.compose_check.service import Service
from ops.compose_check.trial import Given, Trial
from ops.local.programs import ROOT, free_port
from ops.local.stack import say
from ops.local.waiting import WaitedInVain
from ops.watch.prometheus import Prometheus, QueryFailed
from shared.errors import ModelMismatch

_FAILURES = (CommandFailed, QueryFailed, WaitedInVain, OSError, ValueError, ModelMismatch)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "ops/compose-check",
        description="Starts the stack from its images, checks its answers, scales workers "
        "1 -> 3 -> 1 under load, restarts each service in turn, and stops it all.",
    )
    parser.add_argument("--model", type=Path, default=ROOT / "models/shipped/regno.cbm")
    parser.add_argument("--csv", type=Path, help="rows to send; synthesised ones without it")
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="SERVICE", help="leave these services out"
    )
    return parser.parse_args()


def _try_it(arguments: argparse.Namespace, ledger: Ledger) -> None:
    services = services_to_try(read_compose(), arguments.without)
    work = read_work(arguments.model, arguments.csv)
    port = free_port()
    url = url_of(port)
    settings = variables(arguments.model, port, free_port)
    compose = Compose(settings)
    prometheus = Prometheus(url_of(int(settings["PROMETHEUS_PORT"])))
    given = Given(compose, Service(url), prometheus, url, services, work, arguments.csv, say)
    try:
        Trial(given, ledger).run()
        sizes = {name: compose.image_bytes(name) for name in services}
        sys.stdout.write("\n" + sizes_table(sizes).markdown())
    except (CommandFailed, QueryFailed, WaitedInVain, OSError) as error:
        say(str(error))
        for name in services:
            say(compose.logs(name))
        raise
    finally:
        say("stopping everything")
        compose.down()


def main() -> int:
    """0 where every step passed, else 1."""
    arguments = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):  # told to end, it stops what it has started
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    ledger = Ledger()
    failure = ""
    try:
        _try_it(arguments, ledger)
    except _FAILURES as error:
        failure = f"\ncompose-check: {error}\n"
    sys.stdout.write("\n" + ledger.table().markdown())
    sys.stderr.write(failure)
    return 0 if ledger.passed and not failure else 1


if __name__ == "__main__":
    sys.exit(main())
