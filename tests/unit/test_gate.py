"""Which requests have to be let in, and what a refused one is told."""

import json
from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry

from api.server.admission import Admission, AdmissionLimits
from api.server.gate import PLACE, Entrance, Gate, Place, give_up_place
from api.server.messages import Environ
from api.wiring import make_gate
from shared.metrics import ApiMetrics
from tests.builders import api_settings


def a_request(method: str, path: str, request_id: str = "mine") -> Environ:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_X_REQUEST_ID": request_id}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ApiMetrics:
    return ApiMetrics(registry)


@pytest.fixture
def gate(metrics: ApiMetrics) -> Gate:
    return make_gate(api_settings(max_in_flight=1), metrics)


def entrance(gate: Gate, path: str) -> Entrance:
    found = gate.entrance(a_request("POST", path))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/tasks/an-id"),
        ("DELETE", "/v1/tasks/an-id"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/reg/"),
        ("POST", "/no/such/path"),
    ],
)
def test_only_what_gives_workers_work_has_to_be_let_in(gate: Gate, method: str, path: str) -> None:
    assert gate.entrance(a_request(method, path)) is None


def test_there_are_two_lanes(gate: Gate) -> None:
    sync = entrance(gate, "/reg/").lane
    assert entrance(gate, "/reg").lane is sync
    assert entrance(gate, "/v1/predict").lane is sync
    assert entrance(gate, "/v1/tasks").lane is not sync


@pytest.mark.parametrize("path", ["//reg/", "///v1/predict", "//v1/tasks"])
def test_there_is_no_way_around_it(gate: Gate, path: str) -> None:
    assert gate.entrance(a_request("POST", path)) is not None


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict", "/v1/tasks"])
def test_a_refusal_is_counted_and_told_in_the_form_of_the_call(
    gate: Gate, metrics: ApiMetrics, registry: CollectorRegistry, path: str
) -> None:
    refusal = gate.refusal(entrance(gate, path), a_request("POST", path), keep_alive=True)
    head, _, body = refusal.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert "\r\nRetry-After: 1\r\n" in head
    assert "\r\nX-Request-ID: mine\r\n" in head
    assert f"\r\nContent-Length: {len(body)}\r\n" in head
    told = json.loads(body)
    if path == "/reg/":
        assert "\r\nContent-Type: application/json\r\n" in head
        assert (set(told), told["status"]) == ({"body", "status"}, "fail")
    else:
        assert "\r\nContent-Type: application/problem+json\r\n" in head
        assert (told["status"], told["request_id"]) == (503, "mine")
    metrics.tallies.report()
    metrics.tallies.report()  # nothing is told twice
    labels = {"route": path, "method": "POST", "status": "503"}
    assert registry.get_sample_value("regno_http_requests_total", labels) == 1
    assert registry.get_sample_value("regno_http_requests_shed_total", {"route": path}) == 1


def test_what_is_in_hand_is_shown_by_lane(
    gate: Gate, metrics: ApiMetrics, registry: CollectorRegistry
) -> None:
    def in_flight() -> list[float | None]:
        metrics.tallies.report()
        name = "regno_http_requests_in_flight"
        return [registry.get_sample_value(name, {"lane": lane}) for lane in ("sync", "async")]

    assert in_flight() == [0, 0]
    entrance(gate, "/reg/").lane.enter(0.0)
    assert in_flight() == [1, 0]
    entrance(gate, "/v1/tasks").lane.enter(0.0)
    entrance(gate, "/reg/").lane.leave()
    assert in_flight() == [0, 1]


def test_an_id_that_could_break_a_header_is_not_repeated(gate: Gate) -> None:
    request = a_request("POST", "/v1/predict", 'x"\r\nSet-Cookie: a=b')
    assert b"Set-Cookie" not in gate.refusal(entrance(gate, "/v1/predict"), request, False)


def test_entrances_of_a_gate_are_its_own() -> None:
    lane = Admission(AdmissionLimits(1, 1.0))
    gate = Gate({"/a": Entrance("/a", lane, customer_form=False)}, str, lambda *_: None)
    assert entrance(gate, "/a").lane is lane
    assert gate.entrance(a_request("POST", "/reg/")) is None


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict"])
def test_what_the_application_never_saw_fails_in_the_form_of_the_call_and_is_counted(
    gate: Gate, metrics: ApiMetrics, registry: CollectorRegistry, path: str
) -> None:
    response = gate.failure(a_request("POST", path), HTTPStatus.REQUEST_TIMEOUT, "Late", "mine")
    head, _, body = response.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 408 REQUEST TIMEOUT\r\n")
    assert "\r\nConnection: close\r\n" in head
    assert "\r\nX-Request-ID: mine\r\n" in head
    assert "Retry-After" not in head
    if path == "/reg/":
        assert json.loads(body) == {"body": "Late", "status": "fail"}
    else:
        problem = {"title": "Request Timeout", "status": 408, "detail": "Late"}
        assert json.loads(body) == problem | {"request_id": "mine"}
    metrics.tallies.report()
    labels = {"route": path, "method": "POST", "status": "408"}
    assert registry.get_sample_value("regno_http_requests_total", labels) == 1


def test_a_failure_without_a_head_is_nobodys(
    gate: Gate, metrics: ApiMetrics, registry: CollectorRegistry
) -> None:
    assert b'"status":400' in gate.failure({}, HTTPStatus.BAD_REQUEST, "No", "made-up")
    metrics.tallies.report()
    counted = [sample for metric in registry.collect() for sample in metric.samples]
    assert not any(sample.labels.get("status") == "400" for sample in counted)


def test_a_place_is_given_up_once() -> None:
    lane = Admission(AdmissionLimits(2, 1.0))
    assert lane.enter(0.0)
    assert lane.enter(0.0)
    place = Place(lane)
    give_up_place({PLACE: place})
    place.leave()
    assert lane.in_flight == 1


def test_without_a_gate_there_is_no_place_to_give_up() -> None:
    give_up_place({})
    give_up_place({PLACE: None})
