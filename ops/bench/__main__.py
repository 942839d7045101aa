"""``python -m ops.bench``: measures the service and its peers. See docs/benchmarks/README.md."""

import argparse
import signal
import sys
from pathlib import Path

import psutil
from redis import RedisError

from ops.bench.lengths import FULL, QUICK
from ops.bench.run import Options, run_bench
from ops.bench.scenarios import SCENARIOS
from ops.local.programs import ROOT
from ops.local.waiting import WaitedInVain
from shared.errors import ModelMismatch


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m ops.bench", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    default = [scenario.name for scenario in SCENARIOS if scenario.by_default]
    parser.add_argument("--quick", action="store_true", help="one short round: about 3 minutes")
    parser.add_argument("--model", type=Path, default=ROOT / "models/shipped/regno.cbm")
    parser.add_argument("--csv", type=Path, help="rows to send; synthesised ones without it")
    parser.add_argument("--only", nargs="+", choices=names, default=default, help="scenarios")
    parser.add_argument("--out", type=Path, default=ROOT / ".run/bench", help="folder to write to")
    return parser.parse_args()


def main() -> int:
    """Runs it and prints the tables; 1 where it could not be done, whatever the figures say."""
    arguments = _arguments()
    for number in (signal.SIGTERM, signal.SIGINT):  # told to end, it stops what it has started
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    chosen = [scenario for scenario in SCENARIOS if scenario.name in arguments.only]
    options = Options(arguments.model, arguments.csv, arguments.out)
    try:
        tables = run_bench(chosen, QUICK if arguments.quick else FULL, options)
    except (WaitedInVain, OSError, ValueError, ModelMismatch, RedisError, psutil.Error) as error:
        sys.stderr.write(f"\nbench: {error}\n")
        return 1
    sys.stdout.write(f"\n{tables}\nWritten to {arguments.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
