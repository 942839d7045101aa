"""What each kind of object must look like, from those who define it."""

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate

from tests.ops.manifests import Object

KUBERNETES = "1.34"
"""The oldest version that the manifests are meant for."""

_PUBLISHED = {
    "keda.sh/v1alpha1": "cloudcoil.models.keda.v1alpha1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
"""Models that are generated from the operators' own definitions and published with them."""

_OURS = Path(__file__).parent / "schemas"
_WRITTEN_HERE = {
    "rabbitmq.com/v1beta1": "rabbitmqcluster.json",
    "external-secrets.io/v1": "externalsecret.json",
}
"""Nobody publishes these as a package: the fields in use, and no others."""


def faults(thing: Object) -> list[str]:
    """What is wrong with an object by the schema of its kind; a field it does not know, too."""
    version, kind = thing["apiVersion"], thing["kind"]
    if version in _PUBLISHED:
        return _check(_published(_PUBLISHED[version], kind), thing)
    if version in _WRITTEN_HERE:
        return _check(json.loads((_OURS / _WRITTEN_HERE[version]).read_text("utf-8")), thing)
    try:
        kubernetes_validate.validate(thing, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{error.path}: {error.message}"]
    return []


def _check(schema: dict[str, Any], thing: Object) -> list[str]:
    validator = jsonschema_rs.validator_for(schema)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(thing)]


@cache
def _published(module: str, kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = getattr(import_module(module), kind).model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
    return schema
