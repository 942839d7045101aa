"""docker-compose.yml: pinned, bounded, hardened, without a default password, for old and new."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.compose_check.plan import read_compose
from shared.settings import ApiSettings
from shared.telemetry import OTLP_ENDPOINT

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = read_compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

ENDS_BY_ITSELF = {"load"}
READS_THE_HOST = {"cadvisor"}
"""Privileged, as its makers run it, and only under a profile."""

KNOWN_TO_OLD_AND_NEW = {
    "build", "cap_drop", "command", "cpu_shares", "cpus", "depends_on", "devices", "dns_opt",
    "environment",
    "healthcheck", "hostname", "image", "logging", "mem_limit", "pids_limit", "ports",
    "privileged", "profiles", "read_only", "restart", "scale", "security_opt",
    "stop_grace_period",
    "tmpfs", "ulimits", "user", "volumes",
}  # fmt: skip
"""Keys of a service that docker-compose 1.29 and the current Compose specification both have."""

every_service = pytest.mark.parametrize("name", SERVICES)


def asked_for() -> dict[str, str]:
    """Every variable of the file and what follows its name: ``:-default``, ``:?message``."""
    uses = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    assert all(rest == dict(uses)[name] for name, rest in uses), "one variable, two defaults"
    return dict(uses)


def dockerfile_of(name: str) -> str:
    dockerfile: str = SERVICES[name]["build"]["dockerfile"]
    return (ROOT / dockerfile).read_text(encoding="utf-8")


def test_the_published_schema_accepts_it() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    found = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout


@every_service
def test_docker_compose_1_29_knows_every_key(name: str) -> None:
    assert SERVICES[name].keys() <= KNOWN_TO_OLD_AND_NEW
    assert SERVICES[name].get("healthcheck", {}).keys() <= {
        "test",
        "interval",
        "timeout",
        "retries",
        "start_period",
    }
    assert isinstance(SERVICES[name].get("depends_on", []), list)


def test_it_has_no_version_that_the_current_one_warns_of() -> None:
    assert COMPOSE.keys() <= {"services", "volumes", "x-service", "x-regno-environment"}


@every_service
def test_its_image_is_built_here_or_pinned_to_a_patch_version(name: str) -> None:
    image = SERVICES[name].get("image")
    assert (image is None) == ("build" in SERVICES[name])
    assert image is None or re.search(r":v?\d+\.\d+\.\d+(-[a-z]+)?$", image), image


@every_service
def test_it_has_a_health_check(name: str) -> None:
    check = SERVICES[name].get("healthcheck")
    if check is None:
        assert re.search(
            r"^HEALTHCHECK NONE$" if name in ENDS_BY_ITSELF else r"^HEALTHCHECK --",
            dockerfile_of(name),
            re.MULTILINE,
        )
    else:
        assert {"test", "interval", "timeout"} <= check.keys()


@every_service
def test_it_is_bounded(name: str) -> None:
    service = SERVICES[name]
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    # More than one CPU is refused on a machine that has no more.
    assert service.get("cpus", 0) <= 1


@every_service
def test_it_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("privileged", False) is (name in READS_THE_HOST)
    assert name not in READS_THE_HOST or service["profiles"]


@every_service
def test_it_comes_back_by_itself(name: str) -> None:
    assert SERVICES[name]["restart"] == ("no" if name in ENDS_BY_ITSELF else "unless-stopped")


@every_service
def test_only_the_front_door_listens_beyond_this_machine(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert name == "api" or all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_has_a_default() -> None:
    secrets = {name: rest for name, rest in asked_for().items() if "PASSWORD" in name}
    secrets["REGNO_API_KEYS"] = asked_for()["REGNO_API_KEYS"]
    assert len(secrets) == 5
    assert all(rest.startswith(":?") for rest in secrets.values())


def test_no_secret_is_written_down() -> None:
    settings = re.findall(r"^ +\w*(?:PASS|PASSWORD|AUTH|KEYS)\w*: (.*)$", TEXT, re.MULTILINE)
    assert len(settings) >= 7
    assert all("${" in value for value in settings)


def test_the_example_names_every_variable() -> None:
    required = {name for name, rest in asked_for().items() if rest.startswith(":?")}
    assert set(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)) == required
    defaults = {
        name: rest.removeprefix(":-") for name, rest in asked_for().items() if name not in required
    }
    passed_on = {
        name
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    shown = dict(re.findall(r"^# (\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert shown.keys() == defaults.keys() | passed_on
    assert {name: shown[name] for name in defaults} == defaults
    fields = ApiSettings.__struct_fields__, ApiSettings.__struct_defaults__
    own = dict(zip(reversed(fields[0]), reversed(fields[1]), strict=False))
    for name in passed_on - {"API_PROCESSES"}:  # which depends on the machine
        default = own[name.removeprefix("REGNO_").lower()]
        assert type(default)(shown[name]) == default


@pytest.mark.parametrize("name", ["api", "worker"])
def test_with_a_collector_not_every_request_is_recorded(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert OTLP_ENDPOINT in environment
    assert environment["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
    assert asked_for()["OTEL_TRACES_SAMPLER_ARG"] == ":-0.01"


def test_redis_never_drops_a_result_to_make_room() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "--maxmemory" in command
