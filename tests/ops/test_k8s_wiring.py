"""What refers to something refers to what is there."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from shared.queues import Lane
from tests.ops.manifests import (
    DOCS,
    EVERYTHING,
    ROOT,
    VARIANTS,
    WORKLOADS,
    Object,
    all_containers,
    containers,
    find,
    of_kind,
    pod_of,
    rendered,
    selects,
)

RABBITMQ_PORTS = {"amqp": 5672, "management": 15672, "prometheus": 15692}
"""Of the pods that the operator makes, by the names it gives their ports."""

KINDS = {
    "hpa": "HorizontalPodAutoscaler",
    "scaledobject": "ScaledObject",
    "deploy": "Deployment",
    "deployment": "Deployment",
}
"""What ``kubectl`` calls them, for short."""

SCALED = {"production": {"regno-api", "regno-worker"}, "dev": set()}


def pods(variant: str) -> Iterator[tuple[Object, dict[str, int]]]:
    """Labels and named ports of every kind of pod, the operator's too."""
    for workload in of_kind(variant, *WORKLOADS):
        template = pod_of(workload)
        ports = {
            port["name"]: port["containerPort"]
            for container in template["spec"]["containers"]
            for port in container["ports"]
        }
        yield template["metadata"]["labels"], ports
    for cluster in of_kind(variant, "RabbitmqCluster"):
        labels = {
            "app.kubernetes.io/name": cluster["metadata"]["name"],
            "app.kubernetes.io/component": "rabbitmq",
        }
        yield labels, RABBITMQ_PORTS


def selected(variant: str, selector: Object) -> list[tuple[Object, dict[str, int]]]:
    return [(labels, ports) for labels, ports in pods(variant) if selects(selector, labels)]


def everywhere(thing: Any, key: str) -> Iterator[Any]:
    """Every value of that key, however deep."""
    if isinstance(thing, dict):
        if key in thing:
            yield thing[key]
        for value in thing.values():
            yield from everywhere(value, key)
    elif isinstance(thing, list):
        for value in thing:
            yield from everywhere(value, key)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_workload_selects_its_own_pods_and_no_others(variant: str) -> None:
    for workload in of_kind(variant, *WORKLOADS):
        found = selected(variant, workload["spec"]["selector"])
        assert [labels for labels, _ in found] == [pod_of(workload)["metadata"]["labels"]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_service_leads_to_one_kind_of_pod_by_a_port_that_it_has(variant: str) -> None:
    for service in of_kind(variant, "Service"):
        ((_, ports),) = selected(variant, {"matchLabels": service["spec"]["selector"]})
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_disruption_budget_guards_one_kind_of_pod(variant: str) -> None:
    budgets = of_kind(variant, "PodDisruptionBudget")
    for budget in budgets:
        assert len(selected(variant, budget["spec"]["selector"])) == 1, budget["metadata"]["name"]
    assert {budget["metadata"]["name"] for budget in budgets} == {
        "regno-api", "regno-worker", "regno-rabbitmq",
    }  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_pods_are_spread_with_their_like(variant: str) -> None:
    for workload in of_kind(variant, "Deployment"):
        template = pod_of(workload)
        for constraint in template["spec"].get("topologySpreadConstraints", []):
            assert selects(constraint["labelSelector"], template["metadata"]["labels"])
    for name in ("regno-api", "regno-worker"):
        spec = pod_of(find(variant, "Deployment", name))["spec"]
        keys = [constraint["topologyKey"] for constraint in spec["topologySpreadConstraints"]]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_probes_ask_at_ports_that_the_container_has(variant: str) -> None:
    for name, container in containers(variant):
        ports = {port["name"] for port in container["ports"]}
        for probe in everywhere(container, "httpGet"):
            assert probe["port"] in ports, name


def test_what_is_scraped_is_there_under_the_job_s_name() -> None:
    jobs = set()
    for monitor in of_kind("production", "PodMonitor"):
        ((labels, ports),) = selected("production", monitor["spec"]["selector"])
        jobs.add(labels[monitor["spec"]["jobLabel"]])
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            assert endpoint["port"] in ports
    for monitor in of_kind("production", "ServiceMonitor"):
        (service,) = [
            service
            for service in of_kind("production", "Service")
            if selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        ]
        jobs.add(service["metadata"]["labels"][monitor["spec"]["jobLabel"]])
        names = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= names
    assert jobs == {"api", "worker", "queues", "flower", "redis", "rabbitmq"}


@pytest.mark.parametrize(("variant", "names"), SCALED.items())
def test_a_scaler_scales_what_is_there_and_nobody_else_sets_its_replicas(
    variant: str, names: set[str]
) -> None:
    scaled = set()
    for scaler in of_kind(variant, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in find(variant, "Deployment", target["name"])["spec"]
        scaled.add(target["name"])
    assert scaled == names


def test_triggers_sign_in_with_what_is_there() -> None:
    (scaler,) = of_kind("production", "ScaledObject")
    (authentication,) = of_kind("production", "TriggerAuthentication")
    asked = {reference["name"] for reference in everywhere(scaler, "authenticationRef")}
    assert asked == {authentication["metadata"]["name"]}


def test_keda_is_told_of_a_host_that_it_finds_from_its_own_namespace() -> None:
    (host,) = re.findall(r'rabbitmq-api="http://[^@]+@([\w.-]+):15672/"', DOCS)
    (cluster,) = of_kind("production", "RabbitmqCluster")
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    assert host == f"{name}.{namespace}.svc"


def test_triggers_look_at_our_queues_in_our_namespace() -> None:
    (scaler,) = of_kind("production", "ScaledObject")
    namespace = scaler["metadata"]["namespace"]
    queues = set(everywhere(scaler, "queueName"))
    for query in everywhere(scaler, "query"):
        labels = dict(re.findall(r'(\w+)="([^"]+)"', query))
        assert labels.pop("namespace") == namespace
        queues.add(labels.pop("queue_name"))
        assert not labels
    assert queues == set(Lane)


@pytest.mark.parametrize("variant", VARIANTS)
def test_everything_is_in_one_namespace(variant: str) -> None:
    (namespace,) = of_kind(variant, "Namespace")
    for thing in rendered(variant):
        if thing is not namespace:
            assert thing["metadata"]["namespace"] == namespace["metadata"]["name"]


def test_secrets_are_referred_to_and_documented_and_never_in_here() -> None:
    assert of_kind(EVERYTHING, "Secret") == []
    referred = {
        (reference["name"], reference["key"])
        for thing in rendered(EVERYTHING)
        for reference in (*everywhere(thing, "secretKeyRef"), *_target_refs(thing))
    }
    documented = set(re.findall(r"^\| `(regno-[\w-]+)` \| `([\w-]+)` \|", DOCS, re.MULTILINE))
    assert referred == documented
    fetched = {
        (secret["spec"]["target"]["name"], item["secretKey"])
        for secret in of_kind(EVERYTHING, "ExternalSecret")
        for item in secret["spec"]["data"]
    }
    assert fetched == documented


def of_commands() -> set[tuple[str, str]]:
    """Kind and name of everything that a documented ``kubectl`` command is about."""
    found = set()
    for command in re.findall(r"`kubectl -n regno ([^`]+)`", DOCS):
        for kind, name in re.findall(
            r"\b(hpa|scaledobject|deploy(?:ment)?)[ /](regno-[\w-]+)", command
        ):
            found.add((KINDS[kind], name))
        for name in re.findall(r"\b(regno-\w+)-server-\d\b", command):
            found.add(("RabbitmqCluster", name))
        for name in re.findall(r"\b(regno-\w+)-\d -c", command):
            found.add(("StatefulSet", name))
    return found


def test_documented_commands_are_about_what_is_there() -> None:
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in rendered("production")}
    about = of_commands()
    assert {kind for kind, _ in about} == {*KINDS.values(), "RabbitmqCluster", "StatefulSet"}
    assert about <= there
    parts = set(re.findall(r"app\.kubernetes\.io/component=(\w+)", DOCS))
    assert parts
    labels = [labels for labels, _ in pods("production")]
    assert parts <= {of["app.kubernetes.io/component"] for of in labels}


def _target_refs(thing: Object) -> list[Object]:
    return [reference for found in everywhere(thing, "secretTargetRef") for reference in found]


@pytest.mark.parametrize("variant", VARIANTS)
def test_config_maps_that_are_referred_to_are_there(variant: str) -> None:
    there = {thing["metadata"]["name"] for thing in of_kind(variant, "ConfigMap")}
    referred = {
        reference["name"]
        for thing in rendered(variant)
        for key in ("configMapRef", "configMap")
        for reference in everywhere(thing, key)
    }
    assert referred == there


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_are_pinned(variant: str) -> None:
    images = dict(all_containers(variant))
    for name, container in images.items():
        _, _, tag = container["image"].rpartition(":")
        assert re.fullmatch(r"[\w.-]+", tag), name
        assert tag != "latest", name


def test_production_runs_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = [
        container["image"]
        for _, container in all_containers("production")
        if container["image"].startswith("ghcr.io/your-company/")
    ]
    assert len(ours) == 4
    assert {image.rpartition(":")[2] for image in ours} == {f"v{project['version']}"}
