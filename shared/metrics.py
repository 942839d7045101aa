"""Every metric, once: its name, kind, labels, buckets with their unit, and what it tells.

``docs/metrics.md`` is made from this (``make docs``). Names that mean the same as in the Celery
exporters people know are those exporters' names, so that their dashboards work here too.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from prometheus_client import CollectorRegistry

from shared.instruments import CounterSpec, GaugeSpec, HistogramSpec, Spec, Tallies

LATENCY_BUCKETS = (
    0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 30.0,
)  # fmt: skip
"""Seconds; fine between 1 and 50 ms, where answers are expected."""

_WAIT_BUCKETS = (
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0,
    300.0, 1800.0,
)  # fmt: skip
"""Seconds; somebody waits for a few of these, an accepted task may wait for an hour."""

_STEP_BUCKETS = (
    0.0001, 0.0002, 0.0004, 0.0008, 0.0016, 0.0032, 0.0064, 0.0128, 0.0256, 0.0512, 0.1024, 0.25,
    1.0,
)  # fmt: skip
"""Seconds; one step in the life of a batch."""

_TENTHS = tuple(tenth / 10 for tenth in range(1, 11))
_INPUT_BUCKETS = (*_TENTHS, 2.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 16.0, 32.0)

Unexpected = Callable[["Where"], None]
"""Told of every error that nobody foresaw, where it is logged and the process goes on."""


class Where(StrEnum):
    """Where an error that nobody foresaw was caught."""

    ROUTE = "route"
    SERVER = "server"
    CONNECTION = "connection"
    PUBLISHER = "publisher"
    LOOK_UPS = "look-ups"
    FLIGHTS = "flights"
    REPLIES = "replies"
    TIMEKEEPER = "timekeeper"
    PREDICTION = "prediction"


_API_WHERES = [where for where in Where if where is not Where.PREDICTION]

UNEXPECTED_ERRORS = CounterSpec(
    "regno_unexpected_errors_total",
    "Errors that nobody foresaw: logged, and the process went on. By where they were caught: "
    + ", ".join(Where)
    + ".",
    ("where",),
)

PROCESS_CPU = CounterSpec(
    "process_cpu_seconds_total",
    "User and system CPU time, by the name that Prometheus's clients give it; of a front door, of "
    "all processes that answer.",
)

REQUESTS = CounterSpec(
    "regno_http_requests_total",
    "HTTP requests answered, by route and status.",
    ("route", "method", "status"),
)
LATENCY = HistogramSpec(
    "regno_http_request_duration_seconds",
    "Time from a request's arrival in the application to its answer.",
    "seconds",
    LATENCY_BUCKETS,
    ("route",),
)
IN_FLIGHT = GaugeSpec(
    "regno_http_requests_in_flight",
    "Requests for predictions that were let in and are not answered yet; lane is sync or async.",
    ("lane",),
)
SHED = CounterSpec(
    "regno_http_requests_shed_total",
    "Requests that were not let in, because more were in hand than can be answered in time: 503 "
    "with Retry-After.",
    ("route",),
)
DEADLINE_MISSES = CounterSpec(
    "regno_deadline_misses_total", "Requests that got no answer by their deadline: 504.", ("route",)
)
WAITERS = GaugeSpec("regno_waiters", "Requests that wait for a task's result.")
PUBLISH_DURATION = HistogramSpec(
    "regno_publish_duration_seconds",
    "Time from handing a message to the publisher until the broker has confirmed it.",
    "seconds",
    LATENCY_BUCKETS,
    ("lane",),
)
PUBLISH_FAILURES = CounterSpec(
    "regno_publish_failures_total",
    "Messages that the broker refused, or did not confirm in time, or that never got to it.",
    ("lane",),
)
CACHE_REQUESTS = CounterSpec(
    "regno_cache_requests_total",
    "Synchronous requests while the cache is on: hit, answered from it; miss, computed; "
    "shared, answered by an identical request that was in flight.",
    ("outcome",),
)

_TASK_LABELS = ("name", "queue_name")
RECEIVED = CounterSpec(
    "celery_task_received_total", "Tasks delivered to a worker; each delivery counts.", _TASK_LABELS
)
SUCCEEDED = CounterSpec(
    "celery_task_succeeded_total", "Tasks whose predictions are stored.", _TASK_LABELS
)
FAILED = CounterSpec(
    "celery_task_failed_total",
    "Tasks whose failure is stored, by the name of the error.",
    (*_TASK_LABELS, "exception"),
)
REVOKED = CounterSpec(
    "celery_task_revoked_total",
    "Tasks that were not computed because their deadline had passed (expired) or nobody wants "
    "them any more (cancelled).",
    (*_TASK_LABELS, "reason"),
)
REFUSED = CounterSpec(
    "regno_refused_messages_total",
    "Messages that are no task of this service: rejected, which dead-letters them in the "
    "asynchronous lane, by what is wrong with them.",
    ("kind",),
)
BATCH_ROWS = HistogramSpec(
    "regno_batch_rows",
    "Rows predicted in one call of the model.",
    "rows",
    tuple(float(2**power) for power in range(10)),
)
QUEUE_WAIT = HistogramSpec(
    "regno_queue_wait_seconds",
    "Time from a task's publishing until it is taken into a batch, by Redis's clock; more than an "
    "hour counts as an hour.",
    "seconds",
    _WAIT_BUCKETS,
    ("queue_name",),
)
FEATURE_DURATION = HistogramSpec(
    "regno_feature_duration_seconds", "Building the features of a batch.", "seconds", _STEP_BUCKETS
)
PREDICT_DURATION = HistogramSpec(
    "regno_predict_duration_seconds", "The model's call for a batch.", "seconds", _STEP_BUCKETS
)
STORE_DURATION = HistogramSpec(
    "regno_store_duration_seconds",
    "Writing the results of a batch to Redis.",
    "seconds",
    _STEP_BUCKETS,
)
PREDICTION_SCORE = HistogramSpec(
    "regno_prediction_score",
    "Probability that the network's reading is picked, of each row.",
    "probability",
    _TENTHS,
)
INPUT_VALUE = HistogramSpec(
    "regno_input_value",
    "Some of the model's inputs, of each row, to see them drift; missing ones are left out. "
    "recognition_accuracy is a share here. In the sum a value counts as at least 0 and at most the "
    "largest bound.",
    "share from 0 to 1, or characters",
    _INPUT_BUCKETS,
    ("feature",),
)
MODEL_INFO = GaugeSpec("regno_model_info", "1 for the model that is loaded.", ("version",))
MODEL_LOADED = GaugeSpec(
    "regno_model_loaded_timestamp_seconds", "Unix time of the model's loading."
)
MODEL_CREATED = GaugeSpec(
    "regno_model_created_timestamp_seconds",
    "Unix time of the model's training by its manifest, or else of its file.",
)

QUEUE_LENGTH = GaugeSpec("celery_queue_length", "Messages that are ready.", ("queue_name",))
CONSUMERS = GaugeSpec("celery_active_consumers", "Consumers of a queue.", ("queue_name",))
UNACKNOWLEDGED = GaugeSpec(
    "regno_queue_messages_unacknowledged",
    "Messages that are delivered and not acknowledged.",
    ("queue_name",),
)
OLDEST_AGE = GaugeSpec(
    "regno_queue_oldest_message_age_seconds",
    "How long the oldest ready message has waited, as far as this exporter has watched; 0 where "
    "none is ready.",
    ("queue_name",),
)
BROKER_UP = GaugeSpec("regno_broker_up", "1 if RabbitMQ answered when it was last asked, else 0.")
BROKER_ALARM = GaugeSpec(
    "regno_broker_alarm",
    "1 while RabbitMQ takes no messages for want of a resource: memory or disk.",
    ("resource",),
)

CATALOGUE: Mapping[str, tuple[Spec, ...]] = {
    "api": (
        REQUESTS, LATENCY, IN_FLIGHT, SHED, DEADLINE_MISSES, WAITERS, PUBLISH_DURATION,
        PUBLISH_FAILURES, CACHE_REQUESTS, UNEXPECTED_ERRORS, PROCESS_CPU,
    ),
    "worker": (
        RECEIVED, SUCCEEDED, FAILED, REVOKED, REFUSED, BATCH_ROWS, QUEUE_WAIT, FEATURE_DURATION,
        PREDICT_DURATION, STORE_DURATION, PREDICTION_SCORE, INPUT_VALUE, MODEL_INFO, MODEL_LOADED,
        MODEL_CREATED, UNEXPECTED_ERRORS, PROCESS_CPU,
    ),
    "queues": (QUEUE_LENGTH, CONSUMERS, UNACKNOWLEDGED, OLDEST_AGE, BROKER_UP, BROKER_ALARM),
}  # fmt: skip
"""The metrics of each of Prometheus's jobs."""


def _count_unexpected(registry: CollectorRegistry, wheres: Iterable[Where]) -> Unexpected:
    counter = UNEXPECTED_ERRORS.build(registry)
    for where in wheres:  # from 0 on, so that the first error is seen as a rise
        counter.labels(where)

    def unexpected(where: Where) -> None:
        counter.labels(where).inc()

    return unexpected


class ApiMetrics:
    """What a front door counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tallies = Tallies()
        self.requests = REQUESTS.build(registry)
        self.latency = LATENCY.build(registry)
        self.in_flight = IN_FLIGHT.build(registry)
        self.shed = SHED.build(registry)
        self.deadline_misses = DEADLINE_MISSES.build(registry)
        self.waiters = WAITERS.build(registry)
        self.publish_duration = PUBLISH_DURATION.build(registry)
        self.publish_failures = PUBLISH_FAILURES.build(registry)
        self.cache_requests = CACHE_REQUESTS.build(registry)
        self.unexpected = _count_unexpected(registry, _API_WHERES)
        self.tallies.total(PROCESS_CPU.build(registry), time.process_time)


class WorkerMetrics:
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tallies = Tallies()
        self.received = RECEIVED.build(registry)
        self.succeeded = SUCCEEDED.build(registry)
        self.failed = FAILED.build(registry)
        self.revoked = REVOKED.build(registry)
        self.refused = REFUSED.build(registry)
        self.batch_rows = BATCH_ROWS.build(registry)
        self.queue_wait = QUEUE_WAIT.build(registry)
        self.feature_duration = FEATURE_DURATION.build(registry)
        self.predict_duration = PREDICT_DURATION.build(registry)
        self.store_duration = STORE_DURATION.build(registry)
        self.prediction_score = PREDICTION_SCORE.build(registry)
        self.input_value = INPUT_VALUE.build(registry)
        self.model_info = MODEL_INFO.build(registry)
        self.model_loaded = MODEL_LOADED.build(registry)
        self.model_created = MODEL_CREATED.build(registry)
        self.unexpected = _count_unexpected(registry, [Where.PREDICTION])
        self.tallies.total(PROCESS_CPU.build(registry), time.process_time)


class QueueMetrics:
    """What the queue exporter tells."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.length = QUEUE_LENGTH.build(registry)
        self.consumers = CONSUMERS.build(registry)
        self.unacknowledged = UNACKNOWLEDGED.build(registry)
        self.oldest_age = OLDEST_AGE.build(registry)
        self.broker_up = BROKER_UP.build(registry)
        self.broker_alarm = BROKER_ALARM.build(registry)
