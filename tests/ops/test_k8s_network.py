"""The policies allow what docs/kubernetes.md says, in both directions, and nothing else."""

import re
from collections.abc import Iterator

import pytest

from tests.ops.manifests import DOCS, VARIANTS, WORKLOADS, Object, of_kind, pod_of

COMPONENT = "app.kubernetes.io/component"
NAMESPACE = "kubernetes.io/metadata.name"

Flow = tuple[str, str, str]
"""Who calls, who is called, at which port or ports. Behind a namespace stands a slash."""


def documented() -> set[Flow]:
    return set(re.findall(r"^\| `([\w-]+/?)` \| `([\w-]+)` \| ([\d-]+) \|", DOCS, re.MULTILINE))


def policies(variant: str) -> list[tuple[str, Object]]:
    """Each component's policy, without the two that are for all."""
    return [
        (policy["spec"]["podSelector"]["matchLabels"][COMPONENT], policy["spec"])
        for policy in of_kind(variant, "NetworkPolicy")
        if policy["spec"]["podSelector"]
    ]


def peer(found: Object) -> str:
    """The one label that a peer is chosen by."""
    ((kind, selector),) = found.items()
    ((label, value),) = selector["matchLabels"].items()
    assert (kind, label) in {("podSelector", COMPONENT), ("namespaceSelector", NAMESPACE)}
    return value if kind == "podSelector" else f"{value}/"


def number(port: Object) -> str:
    """Of a port, or the first and the last of several."""
    return f"{port['port']}-{port['endPort']}" if "endPort" in port else str(port["port"])


def incoming(variant: str) -> Iterator[Flow]:
    for component, spec in policies(variant):
        for rule in spec.get("ingress", []):
            for caller in rule["from"]:
                for port in rule["ports"]:
                    yield peer(caller), component, number(port)


def outgoing(variant: str) -> Iterator[Flow]:
    for component, spec in policies(variant):
        for rule in spec.get("egress", []):
            for called in rule["to"]:
                for port in rule["ports"]:
                    yield component, peer(called), number(port)


@pytest.mark.parametrize("variant", VARIANTS)
def test_who_may_be_called_by_whom_is_what_is_documented(variant: str) -> None:
    flows = list(incoming(variant))
    assert set(flows) == documented()
    assert len(flows) == len(set(flows))


@pytest.mark.parametrize("variant", VARIANTS)
def test_who_may_call_whom_is_the_same_seen_from_the_other_end(variant: str) -> None:
    ours = {flow for flow in documented() if not flow[0].endswith("/")}
    assert set(outgoing(variant)) == ours


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_not_allowed_is_denied_to_all_but_names(variant: str) -> None:
    for_all = {
        policy["metadata"]["name"]: policy["spec"]
        for policy in of_kind(variant, "NetworkPolicy")
        if not policy["spec"]["podSelector"]
    }
    assert for_all.pop("default-deny") == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    (names,) = for_all.values()
    assert names["policyTypes"] == ["Egress"]
    assert names["egress"] == [
        {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_component_has_a_policy_of_both_directions(variant: str) -> None:
    for _, spec in policies(variant):
        assert spec["policyTypes"] == ["Ingress", "Egress"]
    ours = {
        pod_of(workload)["metadata"]["labels"][COMPONENT]
        for workload in of_kind(variant, *WORKLOADS)
    }
    assert sorted(component for component, _ in policies(variant)) == sorted({*ours, "rabbitmq"})


@pytest.mark.parametrize("variant", VARIANTS)
def test_ports_that_are_called_are_open(variant: str) -> None:
    for workload in of_kind(variant, *WORKLOADS):
        template = pod_of(workload)
        component = template["metadata"]["labels"][COMPONENT]
        open_ports = {
            str(port["containerPort"])
            for container in template["spec"]["containers"]
            for port in container["ports"]
        }
        assert {port for _, called, port in documented() if called == component} == open_ports
