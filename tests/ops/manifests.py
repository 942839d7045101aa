"""The Kubernetes manifests as a cluster would get them: rendered by kubectl's own kustomize."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "ops/k8s"
DOCS = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")

Object = dict[str, Any]

EVERYTHING = "everything"
VARIANTS = ("dev", "production", EVERYTHING)
"""The overlays, and production with the components that it leaves to whoever wants them."""
_WANTED_BY_SOME = ("requests-in-flight", "model-image", "telemetry", "external-secrets")

WORKLOADS = ("Deployment", "StatefulSet")


@cache
def rendered(variant: str) -> tuple[Object, ...]:
    """Every object of a variant. Not to be changed: tests share it."""
    if variant != EVERYTHING:
        return tuple(_build(K8S / "overlays" / variant))
    with TemporaryDirectory() as folder:
        path = Path(folder)
        there = Path(os.path.relpath(K8S, path.resolve()))
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "regno",
            "resources": [str(there / "overlays/production")],
            "components": [str(there / "components" / name) for name in _WANTED_BY_SOME],
            "images": [{"name": "regno-model", "newName": "registry/model", "newTag": "1"}],
        }
        (path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
        return tuple(_build(path))


def of_kind(variant: str, *kinds: str) -> list[Object]:
    """A variant's objects of some kinds."""
    return [thing for thing in rendered(variant) if thing["kind"] in kinds]


def find(variant: str, kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = [thing for thing in of_kind(variant, kind) if thing["metadata"]["name"] == name]
    return found


def pod_of(workload: Object) -> Object:
    """The pod template of a Deployment or StatefulSet."""
    template: Object = workload["spec"]["template"]
    return template


def containers(variant: str) -> Iterator[tuple[str, Object]]:
    """Every container that stays, with the names of its workload and itself."""
    for workload in of_kind(variant, *WORKLOADS):
        for container in pod_of(workload)["spec"]["containers"]:
            yield f"{workload['metadata']['name']}/{container['name']}", container


def all_containers(variant: str) -> Iterator[tuple[str, Object]]:
    """Those that only begin, too."""
    yield from containers(variant)
    for workload in of_kind(variant, *WORKLOADS):
        for container in pod_of(workload)["spec"].get("initContainers", []):
            yield f"{workload['metadata']['name']}/{container['name']}", container


def selects(selector: Object, labels: Object) -> bool:
    """Whether labels satisfy ``matchLabels``; nothing here uses expressions."""
    assert set(selector) <= {"matchLabels"}, selector
    wanted: Object = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def _build(folder: Path) -> Iterator[Object]:
    kubectl = Path(sys.executable).with_name("kubectl")
    built = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert built.returncode == 0, built.stderr
    assert not built.stderr, built.stderr  # kustomize's warnings
    yield from yaml.safe_load_all(built.stdout)
