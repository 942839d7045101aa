import copy

import pytest
import yaml

from ops.k8s.rules import prometheus_rule
from tests.ops.manifests import EVERYTHING, K8S, VARIANTS, Object, find, rendered
from tests.ops.schemas import faults

A_RULE = """
groups:
  - name: queues
    rules:
      - record: regno:age:max
        expr: max(regno_queue_oldest_message_age_seconds)
      - alert: Old
        expr: regno:age:max > 1
        for: 15s
        labels: {severity: page}
        annotations: {summary: it is old}
"""


def name(thing: Object) -> str:
    return f"{thing['kind']} {thing['metadata']['name']}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_fits_its_schema(variant: str) -> None:
    found = {name(thing): faults(thing) for thing in rendered(variant)}
    assert {key: value for key, value in found.items() if value} == {}


def test_a_field_that_a_kind_does_not_have_is_found() -> None:
    one_of_each = {(thing["apiVersion"], thing["kind"]): thing for thing in rendered(EVERYTHING)}
    for kind, thing in one_of_each.items():
        misspelt = copy.deepcopy(thing)
        misspelt.get("spec", misspelt)["replcas"] = 1
        assert faults(misspelt), kind


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", ("spec", "minReplicaCount"), "two"),
        ("ScaledObject", ("spec", "fallback", "replicas"), "more"),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "interval"), "often"),
        ("RabbitmqCluster", ("spec", "replicas"), -1),
        ("ExternalSecret", ("spec", "secretStoreRef", "kind"), "Vault"),
        ("Deployment", ("spec", "template", "spec", "containers", 0, "image"), 5),
    ],
)
def test_a_value_that_a_field_cannot_have_is_found(
    kind: str, path: tuple[str | int, ...], value: object
) -> None:
    (sample, *_) = [thing for thing in rendered(EVERYTHING) if thing["kind"] == kind]
    changed = place = copy.deepcopy(sample)
    *way, last = path
    for step in way:
        place = place[step]  # type: ignore[index]
    place[last] = value  # type: ignore[index]
    assert faults(changed)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_rabbitmq_s_pods_are_given_fits_a_pod(variant: str) -> None:
    cluster = find(variant, "RabbitmqCluster", "regno-rabbitmq")
    override = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": override}
    assert faults(pod) == []


def test_prometheus_s_rules_become_a_rule_of_its_operator() -> None:
    rule = prometheus_rule([A_RULE, "groups: []"], "regno")
    assert faults(rule) == []
    assert [group["name"] for group in rule["spec"]["groups"]] == ["queues"]


def test_every_file_belongs_to_something_that_is_rendered() -> None:
    named = set()
    for path in K8S.rglob("kustomization.yaml"):
        kustomization = yaml.safe_load(path.read_text(encoding="utf-8"))
        generators = kustomization.get("configMapGenerator", [])
        files = [
            *kustomization.get("resources", []),
            *(patch["path"] for patch in kustomization.get("patches", [])),
            *(file for generator in generators for file in generator.get("files", [])),
        ]
        named |= {(path.parent / file).resolve() for file in files}
    manifests = {path for path in K8S.rglob("*.*") if path.suffix in (".yaml", ".conf")}
    not_manifests = {"kustomization.yaml", "adapter-values.yaml"}
    assert {path for path in manifests - named if path.name not in not_manifests} == set()
