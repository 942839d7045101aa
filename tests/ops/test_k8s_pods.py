"""What every pod promises: probes, limits, no rights, and time enough to stop."""

import re
import runpy

import msgspec
import pytest

from shared.settings import ApiSettings
from tests.ops.manifests import (
    ROOT,
    VARIANTS,
    WORKLOADS,
    Object,
    all_containers,
    containers,
    find,
    of_kind,
    pod_of,
)

EXEC_SECONDS = 2
"""For a container that is told to stop to be told, and to be gone afterwards."""


def only_container(variant: str, name: str) -> tuple[Object, Object]:
    """A Deployment's pod and its container."""
    spec = pod_of(find(variant, "Deployment", name))["spec"]
    (container,) = spec["containers"]
    return spec, container


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_container_is_asked_whether_it_lives_and_whether_it_is_ready(variant: str) -> None:
    for name, container in containers(variant):
        assert {"livenessProbe", "readinessProbe"} <= container.keys(), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_front_door_is_ready_by_what_it_needs_and_lives_by_itself(variant: str) -> None:
    _, api = only_container(variant, "regno-api")
    paths = {
        probe: api[f"{probe}Probe"]["httpGet"]["path"]
        for probe in ("startup", "readiness", "liveness")
    }
    assert paths == {"startup": "/livez", "readiness": "/readyz", "liveness": "/livez"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_worker_is_asked_whether_it_consumes(variant: str) -> None:
    _, worker = only_container(variant, "regno-worker")
    environment = {variable["name"]: variable.get("value") for variable in worker["env"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        command = worker[probe]["exec"]["command"]
        assert command == ["python", "-m", "worker.heartbeat", environment["REGNO_HEARTBEAT_FILE"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_outage_of_three_minutes_restarts_no_worker(variant: str) -> None:
    _, worker = only_container(variant, "regno-worker")
    probe = worker["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 180


@pytest.mark.parametrize("variant", VARIANTS)
def test_memory_and_cpu_are_asked_for_and_limited(variant: str) -> None:
    for name, container in all_containers(variant):
        resources = container["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"}, name
        assert resources["limits"].keys() == {"cpu", "memory"}, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_container_has_rights_that_it_does_not_need(variant: str) -> None:
    for workload in of_kind(variant, *WORKLOADS):
        spec = pod_of(workload)["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for name, container in all_containers(variant):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_front_door_may_end_what_it_has_begun(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, api = only_container(variant, "regno-api")
    for variable in api["env"]:
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"])
    graceful = runpy.run_path(str(ROOT / "api/gunicorn.conf.py"))["graceful_timeout"]
    needed = drain_seconds(api) + graceful + EXEC_SECONDS
    assert spec["terminationGracePeriodSeconds"] >= needed


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_front_door_goes_on_until_it_is_known_not_to_be_ready(variant: str) -> None:
    _, api = only_container(variant, "regno-api")
    probe = api["readinessProbe"]
    noticed = probe["failureThreshold"] * probe["periodSeconds"] + probe["timeoutSeconds"]
    assert drain_seconds(api) >= noticed + 5  # for those who route to hear of it


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_the_front_door_makes_before_it_stops_is_what_readyz_looks_for(variant: str) -> None:
    _, api = only_container(variant, "regno-api")
    (_, _, command) = api["lifecycle"]["preStop"]["exec"]["command"]
    (path,) = re.findall(r"touch (\S+)", command)
    assert path == default("drain_file")
    assert path.rpartition("/")[0] in {mount["mountPath"] for mount in api["volumeMounts"]}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_mounted_is_there(variant: str) -> None:
    for workload in of_kind(variant, *WORKLOADS):
        spec = pod_of(workload)["spec"]
        claims = workload["spec"].get("volumeClaimTemplates", [])
        there = {volume["name"] for volume in spec["volumes"]}
        there |= {claim["metadata"]["name"] for claim in claims}
        mounted = {
            mount["name"]
            for container in (*spec["containers"], *spec.get("initContainers", []))
            for mount in container.get("volumeMounts", [])
        }
        assert mounted == there


def drain_seconds(api: Object) -> int:
    """How long the front door serves after it has been told to stop."""
    (_, _, command) = api["lifecycle"]["preStop"]["exec"]["command"]
    (seconds,) = re.findall(r"sleep (\d+)$", command)
    return int(seconds)


def default(setting: str) -> object:
    (found,) = [
        field.default for field in msgspec.structs.fields(ApiSettings) if field.name == setting
    ]
    return found
