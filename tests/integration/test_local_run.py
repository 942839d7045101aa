"""``make run`` as a newcomer sees it: it starts, its curl line works, it leaves nothing."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from ops.local.probes import listening
from ops.local.programs import ROOT, Program, free_port
from tests.processes import Process, wait_until
from tests.scrape import Scrape
from tests.servers import Servers

RUN = (sys.executable, "-m", "ops.local")

WITHOUT_SERVERS = """
import runpy
from ops.local import system
system.find_rabbitmq = system.find_redis = lambda: None
system.can_install = lambda: False
runpy.run_module("ops.local", run_name="__main__")
"""


TAKES_PORTS = """
import sys
from ops.local.programs import free_port
print(*[free_port() for _ in range(500)], flush=True)
sys.stdin.read()
"""


class Run:
    """A ``python -m ops.local`` with a folder and a port of its own."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], command: tuple[str, ...] = RUN
    ) -> None:
        self.folder = folder
        self.environment = {"RUN_FOLDER": str(folder), "PORT": str(free_port()), **environment}
        self.process = Process(Program("run", command, self.environment, 0), folder.parent)

    def output(self) -> str:
        return self.process.tail(10_000)

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.running(), self.output()
            return "\nready\n" in self.output()

        wait_until(ready, 120, "make run says ready")

    def curl(self) -> dict[str, object]:
        """Runs the printed line in a shell, as pasted."""
        found = re.search(r"^curl .*$", self.output(), re.MULTILINE)
        assert found, self.output()
        done = subprocess.run(
            ["bash", "-c", found[0]], capture_output=True, check=True, text=True, timeout=30
        )
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer

    def targets(self) -> dict[str, list[str]]:
        """What Prometheus is told: addresses of metrics by job."""
        found = {}
        for path in (self.folder / "targets").iterdir():
            (group,) = json.loads(path.read_text(encoding="utf-8"))
            assert group["labels"] == {"job": path.stem}
            found[path.stem] = [f"http://{target}/metrics" for target in group["targets"]]
        return found

    def left_behind(self) -> list[str]:
        """Command lines of running processes that know this run's folder."""
        left = []
        for process in psutil.process_iter():
            try:
                command = " ".join(process.cmdline())
                known = str(self.folder) in f"{command} {process.environ()}"
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if known and process.pid != os.getpid():
                left.append(command)
        return left


def test_no_port_is_given_twice_though_nobody_listens_yet() -> None:
    """To two processes at the same time: of a thousand by chance some ten would be the same."""
    takers = [
        subprocess.Popen(
            (sys.executable, "-c", TAKES_PORTS),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    ports = []
    with takers[0], takers[1]:  # each holds its ports until its input ends
        for taker in takers:
            assert taker.stdout
            ports += taker.stdout.readline().split()
    assert len(set(ports)) == len(ports) == 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def given(servers: Servers) -> Mapping[str, str]:
    """A broker and a Redis that are there already."""
    return {
        "REGNO_BROKER_URL": servers.rabbit.url,
        "REGNO_REDIS_URL": servers.redis.url.removesuffix("/0") + "/7",
        "WORKERS": "1",
    }


@pytest.fixture
def private_run(folder: Path) -> Iterator[Run]:
    """A run that brings its own RabbitMQ and Redis, and watches the queues."""
    run = Run(folder, {"WORKERS": "2", "METRICS": "1"})
    yield run
    if run.process.running():
        run.process.stop()


def test_with_servers_of_its_own_the_printed_line_is_answered_and_nothing_is_left(
    private_run: Run,
) -> None:
    private_run.wait_ready()
    assert private_run.curl()["status"] == "ok"
    targets = private_run.targets()
    assert {job: len(urls) for job, urls in targets.items()} == {
        "api": 1, "worker": 2, "queues": 1, "rabbitmq": 1,
    }  # fmt: skip
    for urls in targets.values():
        for url in urls:
            port = urlsplit(url).port or 0
            wait_until(partial(listening, port), 20, f"{url} is served")
            assert Scrape(url).names()
            assert url in private_run.output()
    (queues,) = targets["queues"]
    wait_until(lambda: Scrape(queues).value("celery_active_consumers") == 4, 20, "it watches")
    assert private_run.process.stop() == 0
    assert private_run.left_behind() == []
    assert "nothing is left running" in private_run.output()


def test_an_ascii_terminal_conda_and_blank_variables_are_no_trouble_and_flower_knows_the_lanes(
    folder: Path,
) -> None:
    """As it starts by itself: RabbitMQ of its own, and no METRICS."""
    added = {"PYTHONIOENCODING": "ascii", "HOST": "x86_64-conda-linux-gnu", "REGNO_API_KEYS": ""}
    run = Run(folder, {"WORKERS": "1", "METRICS": "", **added})
    with run.process:
        run.wait_ready()
        assert run.curl()["status"] == "ok"
        found = re.search(r"flower +(\S+)  \(regno / (\S+)\)", run.output())
        assert found is not None
        address, password = found.groups()

        def shows_the_lanes() -> bool:
            try:
                page = requests.get(f"{address}/broker", auth=("regno", password), timeout=5).text
            except requests.ConnectionError:
                return False
            return "regno.sync" in page and "regno.async" in page

        wait_until(shows_the_lanes, 15, "Flower's Broker page has both lanes")


def test_what_cannot_work_is_said_at_once(folder: Path) -> None:
    (folder / "rabbitmq").mkdir(parents=True)
    long = folder / ("x" * 100)
    for run, told in (
        (Run(folder, {}), "secrets.json is gone"),
        (Run(long, {}), "set RUN_FOLDER to a shorter one"),
    ):
        wait_until(lambda run=run: not run.process.running(), 30, "it ends")  # type: ignore[misc]
        assert told in run.output()


def test_given_servers_are_used_as_they_are(folder: Path, given: Mapping[str, str]) -> None:
    run = Run(folder, given)
    with run.process:
        run.wait_ready()
        assert run.curl()["status"] == "ok"
        assert "starting redis" not in run.output()
        assert "starting rabbitmq" not in run.output()
        assert set(run.targets()) == {"api", "worker"}


def test_without_any_server_the_embedded_one_is_used_and_said_so(folder: Path) -> None:
    # A long deadline: kombu's own brokers count it otherwise than RabbitMQ does.
    environment = {"WORKERS": "1", "REGNO_DEFAULT_TIMEOUT": "15"}
    run = Run(folder, environment, (sys.executable, "-c", WITHOUT_SERVERS))
    try:
        run.wait_ready()
        assert run.curl()["status"] == "ok"
        assert "the embedded Redis is the broker too" in run.output()
    finally:
        run.process.stop()
    assert run.left_behind() == []


def test_a_taken_port_is_named(folder: Path, servers: Servers) -> None:
    run = Run(folder, {"PORT": str(servers.rabbit.port)})
    wait_until(lambda: not run.process.running(), 30, "it gives up")
    assert run.process.stop() == 1
    assert f"port {servers.rabbit.port} is taken" in run.output()


def test_a_model_that_cannot_be_served_is_said_and_nothing_is_left(
    folder: Path, given: Mapping[str, str]
) -> None:
    run = Run(folder, {**given, "REGNO_MODEL_URI": "/no/such/model.cbm"})
    wait_until(lambda: not run.process.running(), 60, "it gives up")
    assert run.process.stop() == 1
    assert "Cannot load the model /no/such/model.cbm" in run.output()
    assert run.left_behind() == []
