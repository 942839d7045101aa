"""One run of the benchmark, from the first server to the last stop."""

import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ops.bench.lengths import Lengths
from ops.bench.machine import machine_facts
from ops.bench.progress import Plan, Progress
from ops.bench.report import write_report
from ops.bench.scenario import Bench, Outcome, Scenario
from ops.bench.scenarios.scaling import WORKERS
from ops.bench.stand import Stand
from ops.bench.systems import Place, cached, peers, regno, variants, waiting
from ops.bench.watched import watched_ways
from ops.bench.work import read_work
from ops.local.servers import choose_servers
from ops.local.stack import say
from ops.local.supervise import Supervisor

_SECONDS_TO_BEGIN = 15.0


class Options(NamedTuple):
    """What can be chosen."""

    model: Path
    csv: Path | None
    out: Path


def run_bench(scenarios: Sequence[Scenario], lengths: Lengths, options: Options) -> str:
    """Runs the scenarios in order and writes the report; the text of its tables.

    Raises WaitedInVain, OSError, ValueError, ModelMismatch, redis.RedisError or psutil.Error;
    whatever ends it, everything it started is stopped first.
    """
    facts = machine_facts()
    work = read_work(options.model, options.csv)
    with tempfile.TemporaryDirectory(prefix="regno-bench-") as name:
        folder = Path(name)
        watches = any(scenario.watches for scenario in scenarios)
        servers = choose_servers({}, folder, secrets.token_hex(8), say, watched=watches)
        place = Place(servers.broker_url, servers.redis_url, options.model.resolve(), folder)
        service, compared = regno(place), peers(place)[: lengths.peers]
        by_workers = waiting(place, WORKERS)
        with_cache = cached(place, service)
        in_other_ways = variants(place)
        ways = watched_ways(place, servers) if watches else None
        systems = [service, with_cache, *compared, *by_workers.values(), *in_other_ways.values()]
        systems += ways or ()
        programs = [started.program for started in servers.to_start]
        programs += {p.name: p for system in systems for p in system.programs}.values()
        stand = Stand(Supervisor(programs, folder, os.environ), servers)
        planned = [s.planned(lengths, 1 + len(compared)) for s in scenarios]
        progress = Progress(sys.stderr)
        bench = Bench(
            stand,
            progress,
            lengths,
            work,
            options.csv,
            service,
            with_cache,
            compared,
            by_workers,
            in_other_ways,
            ways,
        )
        outcomes: dict[str, Outcome] = {}
        report = ""
        try:
            progress.follow(Plan(0.0, _SECONDS_TO_BEGIN, sum(planned)))
            progress.step("starting RabbitMQ and Redis")
            stand.start_servers()
            for at, scenario in enumerate(scenarios):
                done = _SECONDS_TO_BEGIN + sum(planned[:at])
                progress.follow(Plan(done, planned[at], sum(planned[at + 1 :])))
                outcomes[scenario.name] = scenario.run(bench)
                # Each time: whatever comes later, what has been measured is kept.
                report = write_report(options.out, outcomes, facts, [service, *compared])
            progress.follow(Plan(0.0, 0.0, 0.0))
            progress.step("measured; stopping everything")
        finally:
            stand.close()
    return report
