"""Every metric, once: its name, kind, labels, buckets with their unit, and what it tells."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS = (
    0.001,
    0.002,
    0.004,
    0.006,
    0.008,
    0.012,
    0.02,
    0.03,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.0,
    5.0,
    30.0,
)
"""Seconds; fine between 1 and 50 ms, where answers are expected."""


class ApiMetrics:
    """What a front door counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "regno_http_requests_total",
            "HTTP requests answered, by route and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.latency = Histogram(
            "regno_http_request_duration_seconds",
            "Time from a request's arrival in the application to its answer.",
            ("route",),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.waiting = Gauge(
            "regno_waiters",
            "Requests that wait for a task's result.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.cache_requests = Counter(
            "regno_cache_requests_total",
            "Synchronous requests while the cache is on: hit, answered from it; miss, computed; "
            "shared, answered by an identical request that was in flight.",
            ("outcome",),
            registry=registry,
        )
