"""Wires a worker process: the one place where its parts meet."""

import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from celery import Celery, Task
from celery.worker import state as worker_state
from prometheus_client import CollectorRegistry
from redis import Redis

from shared.celery_app import make_celery
from shared.clock import RedisClock
from shared.guarded_amqp import guarded_transport
from shared.metrics import WorkerMetrics
from shared.metrics_endpoint import serve_metrics
from shared.presence import WorkerInfo
from shared.queues import TASK_NAME
from shared.redis_client import connect_redis
from shared.results import Predictions
from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.batcher import Batcher
from worker.batching import BatchLimits
from worker.beginnings import Beginnings
from worker.celery_log import PlainWorker
from worker.counts import BatchCounts
from worker.heartbeat import Heartbeat
from worker.job import JobReader
from worker.lane_consumer import LaneConsumer
from worker.model import Model
from worker.predictor import BatchPredictor
from worker.quarantine import Quarantine
from worker.read_ahead import READ_AHEAD, ReadAheadConnection
from worker.refusals import Refusals
from worker.steps import (
    Batching,
    DeclareQueues,
    KeepLanes,
    Presence,
    RegnoConsumer,
    Reporting,
)
from worker.store import ResultStore
from worker.task_events import TaskEvents
from worker.watch import Signs

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def create_worker(
    settings: WorkerSettings, model: Model, tracer: "Tracer | None", signs: Signs
) -> Any:
    """A Celery worker that holds the model and is ready to ``start()``.

    ``tracer`` makes the spans of its batches, where traces are wanted. Its event loop leaves
    ``signs`` of life.
    Raises InvalidSettings where its metrics cannot be served on their port.
    """
    redis = connect_redis(settings)
    clock = RedisClock()
    metrics = _worker_metrics(settings, model)
    counts = BatchCounts(metrics)
    name = f"regno-{os.getpid()}@{socket.gethostname()}"
    app = make_celery(settings)
    app.conf.worker_prefetch_multiplier = settings.prefetch
    app.conf.worker_consumer = RegnoConsumer
    prepare_transport(app, settings.broker_url)
    reader = RowReader(settings)
    make_batcher = make_batcher_factory(
        settings, model, redis, counts, wall_clock=clock, signs=signs, tracer=tracer
    )
    app.register_task(pick_regno(model, reader, make_batcher))
    app.steps["consumer"] |= {Reporting, Batching, Presence}
    return PlainWorker(
        app=app,
        hostname=name,
        pool="solo",
        concurrency=1,
        loglevel=settings.log_level,
        quiet=True,  # no banner: it is no event
        without_gossip=True,
        without_mingle=True,
        regno_redis=redis,
        regno_clock=clock,
        regno_signs=signs,
        regno_info=WorkerInfo(name, model.version),
        regno_report=counts.report,
        regno_refusals=Refusals(metrics),
        regno_heartbeat=Heartbeat(
            Path(settings.heartbeat_file) if settings.heartbeat_file else None
        ),
    )


def prepare_transport(app: Celery, broker_url: str) -> None:
    """With RabbitMQ, a channel for each lane and, unless it speaks TLS, reading ahead."""
    if speaks_amqp(broker_url):
        window = app.conf.worker_prefetch_multiplier
        app.amqp.Consumer = partial(LaneConsumer, sync_window=window)
        app.steps["consumer"].add(KeepLanes)
    else:
        app.steps["consumer"].add(DeclareQueues)
    app.conf.broker_transport = (
        READ_AHEAD if broker_url.startswith("amqp://") else guarded_transport(broker_url)
    )


def speaks_amqp(broker_url: str) -> bool:
    """Whether the broker is RabbitMQ, and not one of kombu's own."""
    return broker_url.startswith("amqp")


def _worker_metrics(settings: WorkerSettings, model: Model) -> WorkerMetrics:
    """What is counted, shown on the port for metrics if there is one."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.model_info.labels(model.version).set(1)
    metrics.model_loaded.set(time.time())
    metrics.model_created.set(model.created_at)
    if settings.metrics_port:
        serve_metrics(registry, settings.metrics_host, settings.metrics_port)
    return metrics


def make_batcher_factory(
    settings: WorkerSettings,
    model: Model,
    redis: Redis,
    counts: BatchCounts,
    *,
    wall_clock: RedisClock,
    signs: Signs,
    tracer: "Tracer | None",
) -> Callable[[Any], Batcher]:
    """A function that makes the batcher of one Celery consumer connection."""
    keeping = redis, settings.sync_result_ttl, settings.result_ttl, wall_clock
    store = ResultStore(*keeping)
    beginnings = Beginnings(redis)
    predictor = BatchPredictor(
        model,
        store,
        beginnings,
        worker_state.revoked,
        counts,
        clock=time.monotonic,
        wall_clock=wall_clock,
    )
    if tracer is not None:
        from worker.tracing import (  # noqa: PLC0415 - imports a tracing library
            BatchTracing,
            TracedPredictor,
            TracedStore,
        )

        tracing = BatchTracing(tracer, model.version, wall_clock)
        store = TracedStore(tracing, *keeping)
        predictor = TracedPredictor(
            tracing,
            model,
            store,
            beginnings,
            worker_state.revoked,
            counts,
            clock=time.monotonic,
            wall_clock=wall_clock,
        )
    limits = BatchLimits(settings.batch_rows, settings.batch_wait)

    def make(consumer: Any) -> Batcher:
        connection = consumer.connection.connection
        ahead = connection if isinstance(connection, ReadAheadConnection) else None
        batcher = Batcher(
            predictor,
            store,
            limits,
            consumer.timer,
            counts,
            quarantine=Quarantine(beginnings),
            events=TaskEvents(lambda: consumer.event_dispatcher, time.monotonic),
            signs=signs,
            reading=lambda: ahead is not None and ahead.reading,
            connection_errors=consumer.connection_errors,
            clock=time.monotonic,
            done=worker_state.total_count,  # what `celery inspect stats` shows
        )
        if ahead is not None:
            ahead.on_all_read = batcher.all_read
        return batcher

    return make


def pick_regno(model: Model, reader: RowReader, make_batcher: Callable[[Any], Batcher]) -> Task:
    """The task, with a strategy that batches instead of handing each message to a pool."""
    jobs = JobReader(reader)

    def strategy(_task: Task, _app: Celery, consumer: Any, **_: Any) -> Callable[..., None]:
        consumer.batcher = make_batcher(consumer)

        def on_message(message: Any, *_: Any) -> None:
            consumer.batcher.add(jobs.read(message))

        return on_message

    class PickRegno(Task):  # type: ignore[misc]
        """Says for each row how likely the network's reading should be picked."""

        name = TASK_NAME
        Strategy = staticmethod(strategy)

        def run(self, rows: object) -> Predictions:
            """What a call in this process gets; workers go through the strategy."""
            return Predictions(model.version, model.predict(reader.read_objects(rows)))

    return PickRegno()
