"""Flower: behind a login; shows workers, queues and some of the tasks; remembers only so many."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from ops.local import programs
from ops.local.programs import (
    FLOWER_BROKER,
    FLOWER_BROKER_API,
    FLOWER_LIMITS,
    LOOPBACK,
    ROOT,
    free_port,
)
from ops.watch.parts import PASSWORD
from ops.watch.stack import WatchedStack
from shared.queues import TASK_NAME, Lane
from tests.ops.conftest import fail_one_task
from tests.processes import Process, wait_until

LOGIN = ("regno", PASSWORD)
SECONDS = 30
"""Flower asks workers for events every five."""


def get(url: str, path: str) -> Any:
    answer = requests.get(url + path, auth=LOGIN, timeout=10)
    answer.raise_for_status()
    return answer.json()


def wait_for_task(url: str, state: str) -> dict[str, Any]:
    """One task that Flower knows to be in this state."""
    wait_until(lambda: bool(get(url, f"/api/tasks?state={state}")), SECONDS, f"a task: {state}")
    task: dict[str, Any] = next(iter(get(url, f"/api/tasks?state={state}").values()))
    return task


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/api/tasks", "/api/workers"])
@pytest.mark.parametrize("login", [None, ("regno", "wrong")], ids=["nobody", "a wrong password"])
def test_nobody_looks_in_without_the_password(
    watched: WatchedStack, path: str, login: tuple[str, str] | None
) -> None:
    answer = requests.get(watched.flower_url + path, auth=login, timeout=10)
    assert answer.status_code == 401
    assert requests.get(watched.flower_url + path, auth=LOGIN, timeout=10).status_code == 200


@pytest.mark.parametrize("path", ["/healthcheck", "/metrics"])
def test_who_only_watches_it_needs_no_password(watched: WatchedStack, path: str) -> None:
    assert requests.get(watched.flower_url + path, timeout=10).status_code == 200


def test_it_shows_how_many_tasks_a_worker_has_done_whether_told_of_or_not(
    watched: WatchedStack,
) -> None:
    def done() -> int:
        workers = get(watched.flower_url, "/api/workers?refresh=1").values()
        return sum(
            worker["stats"]["total"].get(TASK_NAME, 0) for worker in workers if "stats" in worker
        )

    def told() -> int:
        sums = watched.prometheus.now('sum(flower_events_total{type="task-received"})')
        return int(sums[0].points[-1][1]) if sums else 0

    wait_until(lambda: 0 < told() < done(), SECONDS, "more has been done than told")


def test_it_shows_every_worker(watched: WatchedStack) -> None:
    url = f"{watched.flower_url}/api/workers?refresh=1"
    wait_until(
        lambda: len(requests.get(url, auth=LOGIN, timeout=30).json()) == len(watched.workers),
        SECONDS,
        "Flower knows both workers",
    )


def test_it_shows_the_queues_with_their_lengths(watched: WatchedStack) -> None:
    wait_until(
        lambda: (
            {
                queue["name"]
                for queue in get(watched.flower_url, "/api/queues/length")["active_queues"]
                if queue["messages"] >= 0
            }
            == {lane.value for lane in Lane}
        ),
        SECONDS,
        "Flower knows both queues",
    )


def test_it_shows_tasks_that_went_well_and_nothing_of_their_rows(watched: WatchedStack) -> None:
    task = wait_for_task(watched.flower_url, "SUCCESS")
    assert task["name"] == TASK_NAME
    assert task["args"] == "(1 rows)"
    assert task["result"] == "1 predictions"
    assert task["routing_key"] in list(Lane)
    assert 0 < task["runtime"] < SECONDS
    assert task["received"] <= task["started"] <= task["succeeded"]


def test_it_shows_tasks_that_failed_and_why(watched: WatchedStack) -> None:
    wait_for_task(watched.flower_url, "SUCCESS")  # from then on it hears of tasks
    fail_one_task(watched)
    assert wait_for_task(watched.flower_url, "FAILURE")["exception"] == "InvalidField"


@pytest.fixture
def forgetful(watched: WatchedStack, tmp_path: Path) -> Iterator[str]:
    """Another Flower, that remembers ten tasks."""
    port = free_port()
    program = programs.flower(port, PASSWORD)
    environment = {
        **program.environment,
        FLOWER_BROKER: watched.broker_url,
        "FLOWER_MAX_TASKS": "10",
    }
    url = f"http://{LOOPBACK}:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/healthcheck", timeout=5).ok
        except requests.ConnectionError:
            return False

    with Process(program._replace(environment=environment), tmp_path):
        wait_until(answers, SECONDS, "Flower answers")
        yield url


def test_it_forgets_old_tasks(forgetful: str) -> None:
    seen: set[str] = set()

    def has_seen_more() -> bool:
        known = get(forgetful, "/api/tasks?limit=100")
        assert len(known) <= 10
        seen.update(known)
        return len(seen) > 20

    wait_until(has_seen_more, SECONDS, "more tasks have come by than it remembers")


def in_compose() -> dict[str, Any]:
    """Its environment in docker-compose.yml."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    environment: dict[str, Any] = compose["services"]["flower"]["environment"]
    return environment


def on_kubernetes() -> dict[str, Any]:
    """Its environment on Kubernetes; None for what comes from a secret."""
    manifests = yaml.safe_load_all((ROOT / "ops/k8s/base/flower.yaml").read_text(encoding="utf-8"))
    deployment = next(one for one in manifests if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


@pytest.mark.parametrize("environment", [in_compose(), on_kubernetes()], ids=["compose", "k8s"])
def test_it_is_bounded_and_finds_the_queues_wherever_it_runs(environment: dict[str, Any]) -> None:
    assert environment.items() >= FLOWER_LIMITS.items()
    assert environment[FLOWER_BROKER_API].endswith("api/")
    assert {FLOWER_BROKER, "FLOWER_BASIC_AUTH"} <= environment.keys()
