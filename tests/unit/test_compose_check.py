"""What the check of the containers plans, expects and writes down."""

from pathlib import Path

import pytest

from ops.compose_check.ledger import Entry, Ledger, sizes_table
from ops.compose_check.plan import allowed_statuses, read_compose, services_to_try, variables
from ops.watch.runbooks import commands_of, for_containers

A_FILE = {"services": {"api": {}, "load": {"profiles": ["load"]}, "redis": {}, "grafana": {}}}


def test_it_tries_what_starts_by_default_less_what_it_is_told_to_leave_out() -> None:
    assert services_to_try(A_FILE, ["grafana"]) == ["api", "redis"]


def test_leaving_out_what_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no service grafna"):
        services_to_try(A_FILE, ["grafna"])


def test_requests_must_not_notice_a_restart_of_what_only_watches() -> None:
    services = services_to_try(read_compose(), [])
    noticed = {name for name in services if allowed_statuses(name) != {200}}
    assert noticed == {"api", "worker", "rabbitmq", "redis"}


def test_it_tries_what_the_runbooks_say_about_services_that_are_there() -> None:
    page = """Do `docker-compose restart api`, or `docker-compose up -d --scale api=4`, then

    docker-compose logs api | grep ERROR         # what it says
    docker-compose exec -T redis redis-cli info
    curl -s http://127.0.0.1:5000/readyz
    docker update --memory 3g "$(docker-compose ps -q redis)"
    docker-compose ps grafana
"""
    tried = for_containers(commands_of(page), ["redis", "api"], ["grafana"])
    assert list(tried) == [
        "docker-compose restart api",
        "docker-compose up -d --scale api=4 redis api",
        "docker-compose logs api",
        "docker-compose exec -T redis redis-cli info",
        'docker update --memory 3g "$(docker-compose ps -q redis)"',
    ]


def test_a_command_may_be_written_on_two_lines() -> None:
    page = "    curl http://here \\\n      -d '{}'\n"
    assert list(commands_of(page)) == ["curl http://here -d '{}'"]


def test_secrets_are_new_each_time_and_the_front_door_is_on_loopback(tmp_path: Path) -> None:
    first, second = (variables(tmp_path / "a.cbm", 5001, lambda: 5002) for _ in range(2))
    assert first["REDIS_PASSWORD"] != second["REDIS_PASSWORD"]
    assert first["PORT"] == "127.0.0.1:5001"
    assert (first["MODEL_FOLDER"], first["MODEL_FILE"]) == (str(tmp_path), "a.cbm")


@pytest.mark.parametrize("passed", [True, False])
def test_the_ledger_passes_when_every_step_did(passed: bool) -> None:
    ledger = Ledger()
    ledger.add(Entry("build", True, 1.0, ""))
    ledger.add(Entry("start", passed, 1.0, ""))
    assert ledger.passed is passed


def test_the_ledger_has_a_line_for_each_step() -> None:
    ledger = Ledger()
    ledger.add(Entry("build", True, 1.0, ""))
    ledger.add(Entry("restart api", False, 2.345, "0 wrong", {0: 3, 200: 97}, 1.25, "9 of 10"))
    lines = ledger.table().markdown().splitlines()
    assert lines[-2] == "| build | 1.0 |  |  |  |  | passed |"
    assert lines[-1] == (
        "| restart api | 2.3 | lost: 3, 200: 97 | 1.2 | 9 of 10 | 0 wrong | **failed** |"
    )


def test_sizes_are_in_megabytes() -> None:
    assert sizes_table({"api": 123_456_789}).markdown().endswith("| api | 123 |\n")
