"""Wires a front-door process: the one place where its parts meet."""

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry
from redis import Redis

from api.app import create_app
from api.auth import ApiKeys
from api.dispatch.cache import CACHE_USES, RequestCache
from api.dispatch.cache_store import CacheStore
from api.dispatch.dispatcher import Dispatcher
from api.dispatch.flights import FlightKeeper
from api.dispatch.links import Connector
from api.dispatch.look_ups import LookUps
from api.dispatch.publisher import Publisher, PublisherCounts
from api.dispatch.replies import ReplyListener
from api.dispatch.subscription import Subscription
from api.dispatch.task_store import TaskStore
from api.dispatch.timekeeper import Timekeeper
from api.dispatch.tracing import DispatchTracing
from api.dispatch.waiters import WaiterTable
from api.request_id import request_id_for
from api.server.admission import Admission, AdmissionLimits
from api.server.gate import Entrance, Gate, Served
from api.server.patience import SHARE_OF_WAITING
from api.tracing import carry_traces, trace_requests
from shared.clock import RedisClock
from shared.instruments import Count
from shared.metrics import ApiMetrics
from shared.queues import Lane
from shared.redis_client import connect_redis
from shared.settings import ApiSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

REDIS_SILENCE_SECONDS = 2.0
"""A subscription that is silent for so long, although pinged, counts as dead."""


def wire(settings: ApiSettings, tracer: "Tracer | None") -> tuple[Flask, Dispatcher, Served]:
    """An application, its dispatcher, which is not started yet, and its gate: nothing connects.

    ``tracer`` makes the spans of what it answers, where traces are wanted.
    """
    redis = connect_redis(settings)
    store = TaskStore(redis, settings.result_ttl, settings.task_ttl)
    registry = CollectorRegistry()
    metrics = ApiMetrics(registry)
    waiters = WaiterTable()
    metrics.tallies.level(metrics.waiters, lambda: waiters.waits)
    replies = ReplyListener(
        lambda: Subscription(redis.connection_pool, REDIS_SILENCE_SECONDS),
        store,
        waiters,
        metrics.unexpected,
    )
    dispatcher = Dispatcher(
        _make_publisher(settings, metrics, Lane.SYNC),
        _make_publisher(settings, metrics, Lane.ASYNC),
        replies,
        waiters,
        store,
        cache=_wire_cache(settings, redis, replies, metrics) if settings.cache_ttl else None,
        tracing=None if tracer is None else _wire_spans(tracer),
        publish_timeout=settings.publish_timeout,
        redis_timeout=settings.redis_timeout,
        task_ttl=settings.task_ttl,
        chunk_rows=settings.chunk_rows,
        timekeeper=Timekeeper(redis, RedisClock(), metrics.unexpected),
    )
    app = create_app(settings, dispatcher, redis, registry, metrics)
    if tracer is None:
        carry_traces(app)
    else:
        trace_requests(app, tracer)
    served = Served(
        make_gate(settings, metrics),
        settings.max_body_bytes,
        settings.keep_alive,
        ApiKeys(settings.api_keys).in_head,
        metrics.tallies.report,
        metrics.unexpected,
    )
    return app, dispatcher, served


def make_gate(settings: ApiSettings, metrics: ApiMetrics) -> Gate:
    """The two lanes' admission. A request may expect to wait half of its caller's timeout."""
    wait = settings.default_timeout * SHARE_OF_WAITING
    limits = AdmissionLimits(settings.max_in_flight, wait)
    sync, lasting = Admission(limits), Admission(limits)
    for lane, admission in ((Lane.SYNC, sync), (Lane.ASYNC, lasting)):
        _watch(metrics, lane, admission)
    by_path = {
        "/reg/": Entrance("/reg/", sync, customer_form=True),
        "/reg": Entrance("/reg/", sync, customer_form=True),
        "/v1/predict": Entrance("/v1/predict", sync, False, settings.max_timeout, lasting),
        "/v1/tasks": Entrance("/v1/tasks", lasting, customer_form=False),
    }

    @cache
    def answers(path: str, status: HTTPStatus) -> Count:
        counters = [metrics.requests.labels(path, "POST", status.value)]
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            counters.append(metrics.shed.labels(path))
        return metrics.tallies.count(*counters)

    for entrance in by_path.values():  # from 0 on
        answers(entrance.path, HTTPStatus.SERVICE_UNAVAILABLE)
        metrics.deadline_misses.labels(entrance.path)
    entrances = by_path | {settings.root_path + path: of for path, of in by_path.items()}
    return Gate(entrances, request_id_for, lambda path, status: answers(path, status).add())


def _watch(metrics: ApiMetrics, lane: Lane, admission: Admission) -> None:
    metrics.tallies.level(metrics.in_flight.labels(_label(lane)), lambda: admission.in_flight)


def _make_publisher(settings: ApiSettings, metrics: ApiMetrics, lane: Lane) -> Publisher:
    counts = PublisherCounts(
        metrics.tallies.distribution(metrics.publish_duration.labels(_label(lane))),
        metrics.tallies.count(metrics.publish_failures.labels(_label(lane))),
        metrics.unexpected,
    )
    connect = Connector(settings.broker_url, lane).open
    return Publisher(connect, settings.publish_timeout, counts)


def _label(lane: Lane) -> str:
    return lane.name.lower()


def _wire_spans(tracer: "Tracer") -> DispatchTracing:
    from api.dispatch.spans import DispatchSpans  # noqa: PLC0415 - imports a tracing library

    return DispatchSpans(tracer)


def _wire_cache(
    settings: ApiSettings, redis: Redis, replies: ReplyListener, metrics: ApiMetrics
) -> RequestCache:
    store = CacheStore(redis)
    return RequestCache(
        LookUps(store, metrics.unexpected),
        FlightKeeper(store, metrics.unexpected),
        replies,
        {use: metrics.tallies.count(metrics.cache_requests.labels(use)) for use in CACHE_USES},
        ttl=settings.cache_ttl,
    )
