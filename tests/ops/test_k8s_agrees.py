"""What the manifests have in common with the rest of the project."""

import json
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from ops.k8s.rules import of_namespace, prometheus_rule, rule_files
from ops.watch.binaries import find_binaries
from shared.settings import PREFIX, ApiSettings, WorkerSettings
from shared.telemetry import OTLP_ENDPOINT
from tests.ops.manifests import EVERYTHING, ROOT, VARIANTS, find, pod_of
from tests.ops.schemas import faults


@pytest.mark.parametrize("variant", VARIANTS)
def test_settings_that_are_set_exist(variant: str) -> None:
    for name, kind in (("regno-api", ApiSettings), ("regno-worker", WorkerSettings)):
        (container,) = pod_of(find(variant, "Deployment", name))["spec"]["containers"]
        (reference,) = container["envFrom"]
        shared = find(variant, "ConfigMap", reference["configMapRef"]["name"])["data"]
        known = {PREFIX + field.name.upper() for field in msgspec.structs.fields(kind)}
        set_here = {*shared, *(variable["name"] for variable in container["env"])}
        assert {each for each in set_here if each.startswith(PREFIX)} <= known


@pytest.mark.parametrize("variant", VARIANTS)
def test_errors_and_traces_leave_only_with_the_component_for_it(variant: str) -> None:
    for name in ("regno-api", "regno-worker"):
        (container,) = pod_of(find(variant, "Deployment", name))["spec"]["containers"]
        set_here = {variable["name"] for variable in container["env"]}
        exporting = {"REGNO_SENTRY_DSN", "REGNO_SENTRY_ENVIRONMENT", OTLP_ENDPOINT}
        sampling = {"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
        wanted = exporting | sampling if variant == EVERYTHING else set()
        assert set_here & (exporting | sampling) == wanted


def test_servers_are_of_the_versions_of_docker_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    redis = pod_of(find("production", "StatefulSet", "regno-redis"))["spec"]["containers"]
    rabbitmq = find("production", "RabbitmqCluster", "regno-rabbitmq")["spec"]["image"]
    assert rabbitmq == compose["rabbitmq"]["image"]
    assert [container["image"] for container in redis] == [
        compose["redis"]["image"],
        compose["redis-exporter"]["image"],
    ]


def test_our_rules_become_a_rule_of_prometheus_s_operator() -> None:
    files = rule_files()
    assert files
    assert faults(prometheus_rule(files, "regno")) == []


def test_a_rule_is_evaluated_as_often_as_with_docker_compose() -> None:
    groups = prometheus_rule(rule_files(), "regno")["spec"]["groups"]
    intervals = {group["name"]: group["interval"] for group in groups}
    assert intervals.pop("long shares") == "30s"
    assert set(intervals.values()) == {"5s"}


def test_redis_keeps_what_it_has_as_with_docker_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    command = compose["redis"]["command"]
    lines = (ROOT / "ops/k8s/components/redis/redis.conf").read_text(encoding="utf-8").splitlines()
    config = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    for name in ("appendonly", "save", "maxmemory-policy"):
        assert config[name].strip('"') == command[command.index(f"--{name}") + 1]


@pytest.mark.parametrize(
    ("expr", "narrowed"),
    [
        ("up == 0", 'up{namespace="n"} == 0'),
        ('absent(up{job="api"})', 'absent(up{namespace="n",job="api"})'),
        (
            "sum by (queue_name) (rate(regno_x_total[1m]))",
            'sum by (queue_name) (rate(regno_x_total{namespace="n"}[1m]))',
        ),
        ("regno:requests:rate1m > 0.01", "regno:requests:rate1m > 0.01"),
        ('up{job=~"api|redis"}', 'up{namespace="n",job=~"api|redis"}'),
    ],
)
def test_a_rule_reads_what_is_scraped_in_our_namespace(expr: str, narrowed: str) -> None:
    assert of_namespace(expr, "n") == narrowed


def test_no_rule_of_a_cluster_reads_other_teams_series(tmp_path: Path) -> None:
    spec = prometheus_rule(rule_files(), "n")["spec"]
    rules = [rule["expr"] for group in spec["groups"] for rule in group["rules"]]
    for expr in rules:
        selectors = re.findall(r"(?<![\w:])[a-z]+_[a-z_]+\{|\bup\{", expr)
        assert len(selectors) == expr.count('namespace="n"'), expr
    assert any('up{namespace="n"}' in expr for expr in rules)
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps(spec), encoding="utf-8")
    promtool = find_binaries().promtool
    done = subprocess.run([promtool, "check", "rules", path], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
