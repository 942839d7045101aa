"""The catalogue is all there is: what is built from it, and the page that tells of it."""

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from ops.docs import METRICS_PAGE, metrics_page
from shared.instruments import HistogramSpec, Spec
from shared.metrics import CATALOGUE, ApiMetrics, QueueMetrics, WorkerMetrics

BUILDERS: dict[str, Callable[[CollectorRegistry], object]] = {
    "api": ApiMetrics,
    "worker": WorkerMetrics,
    "queues": QueueMetrics,
}
SPECS = dict.fromkeys(spec for specs in CATALOGUE.values() for spec in specs)


def test_the_page_is_that_of_the_catalogue() -> None:
    assert METRICS_PAGE.read_text(encoding="utf-8") == metrics_page(), "run: make docs"


@pytest.mark.parametrize("job", CATALOGUE)
def test_a_process_has_the_metrics_of_its_job_and_no_others(job: str) -> None:
    registry = CollectorRegistry()
    BUILDERS[job](registry)
    built = {(metric.name, metric.type) for metric in registry.collect()}
    assert built == {(spec.name.removesuffix("_total"), spec.kind) for spec in CATALOGUE[job]}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_names_follow_the_conventions(spec: Spec) -> None:
    assert spec.name.startswith(("regno_", "celery_", "process_"))
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert not spec.name.endswith(("_count", "_sum", "_bucket", "_created"))  # made by the client
    assert spec.name.endswith("_info") <= (spec.kind == "gauge")
    if isinstance(spec, HistogramSpec):
        assert list(spec.buckets) == sorted(set(spec.buckets))
        assert (spec.unit == "seconds") == spec.name.endswith("_seconds")
