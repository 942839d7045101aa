"""One trace shows a request's way through real processes, as the test's collector sees it."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import a_row
from tests.processes import wait_until
from tests.receiver import ReceivedSpan, Receiver
from tests.servers import Servers
from tests.stack import Stack

PARENT = "00f067aa0ba902b7"
CLOCKS_AGREE_NS = 5_000_000
"""When a message was published is told by Redis's clock, of which each process has a good guess."""

WORKERS_PART = {"queue wait", "batch", "predict", "store"}


class Traced:
    """A service that is traced, and what its collector has received."""

    def __init__(self, stack: Stack, receiver: Receiver) -> None:
        self.client = stack.client
        self._receiver = receiver

    def spans(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in self._receiver.spans() if span.trace_id == trace_id]

    def wait_for(self, trace_id: str, names: set[str]) -> dict[str, ReceivedSpan]:
        """The spans of a trace by name, once there is one of each name."""

        def complete() -> bool:
            return {span.name for span in self.spans(trace_id)} >= names

        wait_until(complete, 15, f"spans {names}")
        return {span.name: span for span in self.spans(trace_id)}

    def request_span(self, request_id: str) -> ReceivedSpan:
        def found() -> list[ReceivedSpan]:
            spans = self._receiver.spans()
            ours = [s for s in spans if s.attributes.get("regno.request_id") == request_id]
            return [span for span in ours if span.service == "regno-api"]

        wait_until(lambda: bool(found()), 15, "the request's span")
        return found()[0]


@pytest.fixture(scope="module")
def traced(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with Receiver() as receiver:
        stack = Stack(
            servers.rabbit.add_vhost("traces"),
            servers.redis.url.removesuffix("/0") + "/5",
            tmp_path_factory.mktemp("traces"),
            settings={
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
            },
        )
        try:
            stack.wait_ready()
            yield Traced(stack, receiver)
        finally:
            stack.close()


def headers(trace_id: str, request_id: str, flags: str = "01") -> dict[str, str]:
    parent = f"00-{trace_id}-{PARENT}-{flags}"
    return {"traceparent": parent, "tracestate": "congo=x", "X-Request-ID": request_id}


def test_one_trace_shows_the_request_its_wait_its_batch_and_its_reply(traced: Traced) -> None:
    trace_id = uuid.uuid4().hex
    answer = traced.client.post("/v1/predict", json=a_row(), headers=headers(trace_id, "whole"))
    assert "traceparent" not in answer.headers
    request = "POST /v1/predict"
    spans = traced.wait_for(trace_id, WORKERS_PART | {request, "publish", "reply"})
    assert len(traced.spans(trace_id)) == 7
    parents = {name: span.parent_id for name, span in spans.items()}
    assert parents == {
        request: PARENT,
        "publish": spans[request].span_id,
        "reply": spans[request].span_id,
        "queue wait": spans["publish"].span_id,
        "batch": spans["publish"].span_id,
        "predict": spans["batch"].span_id,
        "store": spans["batch"].span_id,
    }
    for name, span in spans.items():
        assert span.service == ("regno-worker" if name in WORKERS_PART else "regno-api")
        assert span.began <= span.ended
        assert span.state == "congo=x"
        assert not span.failed
    for name in (request, "batch"):
        assert spans[name].attributes["regno.request_id"] == "whole"
    assert spans["batch"].attributes["celery.task_id"] == answer.json()["task_id"]
    assert spans["batch"].attributes["regno.model_version"] == answer.json()["model_version"]
    assert spans[request].attributes["http.response.status_code"] == 200


def test_the_spans_follow_one_another(traced: Traced) -> None:
    trace_id = uuid.uuid4().hex
    traced.client.post("/reg/", json=a_row(), headers=headers(trace_id, "order"))
    spans = traced.wait_for(trace_id, WORKERS_PART | {"POST /reg/", "publish", "reply"})
    request = spans["POST /reg/"]
    inside = [span for span in spans.values() if span is not request]
    assert request.began <= min(span.began for span in inside) + CLOCKS_AGREE_NS
    # The worker hears of its results being stored a little after the api does.
    assert max(s.ended for s in inside if s.service == "regno-api") <= request.ended
    assert spans["queue wait"].ended == spans["batch"].began
    assert spans["batch"].began <= spans["predict"].began
    assert spans["predict"].ended <= spans["store"].began
    assert spans["predict"].began <= spans["reply"].began <= spans["store"].ended


def test_a_request_without_a_trace_begins_one(traced: Traced) -> None:
    traced.client.post("/v1/predict", json=a_row(), headers={"X-Request-ID": "begins"})
    request = traced.request_span("begins")
    assert request.parent_id == ""
    spans = traced.wait_for(request.trace_id, WORKERS_PART)
    assert spans["batch"].attributes["regno.request_id"] == "begins"


def test_an_accepted_task_is_traced_to_its_end(traced: Traced) -> None:
    trace_id = uuid.uuid4().hex
    traced.client.post("/v1/tasks", json=a_row(), headers=headers(trace_id, "later"))
    spans = traced.wait_for(trace_id, WORKERS_PART | {"POST /v1/tasks", "publish"})
    assert spans["batch"].attributes["messaging.destination.name"] == "regno.async"
    assert "reply" not in spans


def test_every_chunk_of_a_large_array_is_in_its_trace(traced: Traced) -> None:
    trace_id = uuid.uuid4().hex
    traced.client.post("/v1/predict", json=[a_row()] * 600, headers=headers(trace_id, "large"))
    wait_until(
        lambda: [s.name for s in traced.spans(trace_id)].count("store") == 3, 15, "three chunks"
    )
    batches = [span for span in traced.spans(trace_id) if span.name == "batch"]
    assert len({span.attributes["celery.task_id"] for span in batches}) == 3
    assert len({span.parent_id for span in batches}) == 1


def test_what_is_not_sampled_is_not_recorded(traced: Traced) -> None:
    unsampled, sampled = uuid.uuid4().hex, uuid.uuid4().hex
    post = traced.client.post
    post("/v1/predict", json=a_row(), headers=headers(unsampled, "unsampled", "00"))
    post("/v1/predict", json=a_row(), headers=headers(sampled, "sampled"))
    traced.wait_for(sampled, WORKERS_PART | {"POST /v1/predict", "publish", "reply"})
    assert traced.spans(unsampled) == []


def test_a_wrong_header_begins_a_trace_of_its_own(traced: Traced) -> None:
    wrong = {"traceparent": "00-nonsense", "X-Request-ID": "nonsense"}
    assert traced.client.post("/v1/predict", json=a_row(), headers=wrong).status_code == 200
    assert traced.request_span("nonsense").parent_id == ""


def test_neither_a_mute_collector_nor_a_mute_sentry_holds_anything_up(
    servers: Servers, tmp_path: Path
) -> None:
    with Receiver(mute=True) as receiver:
        stack = Stack(
            servers.rabbit.add_vhost("mute"),
            servers.redis.url.removesuffix("/0") + "/6",
            tmp_path,
            settings={
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_BSP_SCHEDULE_DELAY": "50",
                "REGNO_SENTRY_DSN": receiver.dsn,
            },
            api="tests.failing_api",
            worker="tests.failing_worker",
        )
        try:
            stack.wait_ready()
            assert stack.client.post("/v1/bug", json=a_row()).status_code == 500
            wait_until(lambda: len(receiver.received) >= 2, 15, "both are spoken to")
            began = time.monotonic()
            for _ in range(50):
                answer = stack.client.post("/v1/predict", json=a_row())
                assert answer.status_code == 200
                assert answer.elapsed.total_seconds() < 1
            assert time.monotonic() - began < 10
            for process in (stack.api, *stack.workers):
                began = time.monotonic()
                assert process.stop() == 0
                assert time.monotonic() - began < 12
        finally:
            stack.close()
