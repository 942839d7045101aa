import gc
import gzip
import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from api.app import create_app
from api.dispatch.cache import CacheUse
from api.openapi import openapi_document
from api.server.admission import Admission, AdmissionLimits
from api.server.gate import PLACE, Place
from shared import errors
from shared.metrics import ApiMetrics
from shared.redis_client import connect_redis
from shared.results import Failure, decode_result, encode_failure, encode_revoked, encode_unfinished
from shared.rows import RowReader
from tests.builders import AN_API_KEY, a_row, api_settings
from tests.unit.fakes import FakeDispatcher, a_success

POSTS = ("/reg/", "/v1/predict", "/v1/tasks")
SECRET = "what nobody outside should read"


class FrontDoor:
    """The application on a fake dispatcher, and a client that has a key."""

    def __init__(self, root_path: str = "") -> None:
        settings = api_settings(max_rows=3, max_body_bytes=10_000, root_path=root_path)
        registry = CollectorRegistry()
        self.dispatcher = FakeDispatcher()
        self.app = create_app(
            settings,
            self.dispatcher.as_dispatcher(),
            connect_redis(settings),
            registry,
            ApiMetrics(registry),
        )
        self.anonymous: FlaskClient = self.app.test_client()

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"x-api-key": AN_API_KEY, **options.pop("headers", {})}
        return self.anonymous.open(path, method=method, headers=headers, **options)

    def post(self, path: str, body: object = None, **options: Any) -> TestResponse:
        return self.call("POST", path, json=a_row() if body is None else body, **options)


@pytest.fixture
def door() -> FrontDoor:
    return FrontDoor()


def problem(answer: TestResponse) -> dict[str, Any]:
    """The problem document of an answer outside the customer's contract."""
    assert answer.content_type == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.data)
    assert told["status"] == answer.status_code
    assert told["request_id"] == answer.headers["X-Request-ID"]
    assert told["title"]
    return told


def customer_failure(answer: TestResponse) -> str:
    """What is said of a failure in the customer's form."""
    assert answer.content_type == "application/json"
    told = json.loads(answer.data)
    assert set(told) == {"body", "status"}
    assert told["status"] == "fail"
    assert isinstance(told["body"], str)
    return told["body"]


def detail(answer: TestResponse) -> str:
    if answer.request.path.startswith("/reg"):
        return customer_failure(answer)
    text: str = problem(answer)["detail"]
    return text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/reg/"),
        ("POST", "/reg"),
        ("GET", "/reg/"),
        ("POST", "/v1/predict"),
        ("POST", "/v1/tasks"),
        ("GET", "/v1/tasks/task"),
        ("DELETE", "/v1/tasks/task"),
        ("PUT", "/v1/tasks/task"),
        ("GET", "/v1"),
        ("GET", "/admin"),
        ("POST", "/livez/more"),
    ],
)
@pytest.mark.parametrize("key", [None, "", "wrong", AN_API_KEY.upper(), f"{AN_API_KEY} x"])
def test_without_a_key_no_path_answers(
    door: FrontDoor, method: str, path: str, key: str | None
) -> None:
    headers = {} if key is None else {"x-api-key": key}
    answer = door.anonymous.open(path, method=method, headers=headers, json=a_row())
    assert answer.status_code == 401
    assert "x-api-key" in detail(answer)
    assert "x-api-key" in answer.headers["WWW-Authenticate"]
    assert door.dispatcher.calls == []


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/openapi.json", "/docs/"])
def test_health_metrics_and_docs_need_no_key(door: FrontDoor, path: str) -> None:
    assert door.anonymous.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_browser_is_sent_to_the_docs(door: FrontDoor, path: str) -> None:
    answer = door.anonymous.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/docs/"


@pytest.mark.parametrize("sent", ["/regno", ""], ids=["passed on", "taken away"])
def test_everything_works_below_the_root_path_of_a_proxy(sent: str) -> None:
    door = FrontDoor(root_path="/regno")
    assert door.anonymous.get(f"{sent}/").headers["Location"] == "/regno/docs/"
    assert door.post(f"{sent}/v1/tasks").headers["Location"] == "/regno/v1/tasks/task"
    assert door.call("GET", f"{sent}/v1/tasks/task").status_code == 200
    assert b'"status":"fail"' in door.post(f"{sent}/reg/", {}).data
    document = json.loads(door.anonymous.get(f"{sent}/openapi.json").data)
    assert document["servers"] == [{"url": "/regno"}]
    page = door.anonymous.get(f"{sent}/docs/").text
    assert "/regno/openapi.json" in page
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(address.startswith("/regno/docs/") for address in loaded)
    with door.anonymous.get(loaded[0].removeprefix("/regno")) as file:
        assert file.status_code == 200


def test_a_path_that_only_begins_like_the_root_path_is_unknown() -> None:
    assert FrontDoor(root_path="/regno").call("GET", "/regnov1/tasks/task").status_code == 404


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict", "/v1/tasks/task", "/nothing"])
def test_what_depends_on_the_key_says_so(door: FrontDoor, path: str) -> None:
    assert door.anonymous.get(path).headers["Vary"] == "x-api-key"
    assert door.call("GET", "/v1/tasks/task").headers["Vary"] == "x-api-key"


def test_files_of_the_docs_page_are_checked_by_their_tag(door: FrontDoor) -> None:
    with door.anonymous.get("/docs/swagger-ui.css") as file:
        assert file.headers["Cache-Control"] == "no-cache"
        assert file.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/reg/", {"POST", "OPTIONS"}),
        ("/v1/predict", {"POST", "OPTIONS"}),
        ("/v1/tasks", {"POST", "OPTIONS"}),
        ("/v1/tasks/task", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("/livez", {"GET", "HEAD", "OPTIONS"}),
        ("/docs/", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_options_says_which_methods_a_path_has(
    door: FrontDoor, path: str, allowed: set[str]
) -> None:
    for _ in range(2):  # the second time the path is remembered
        answer = door.call("OPTIONS", path)
        assert answer.status_code == 200
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs/"])
def test_another_method_on_an_open_path_is_405_without_a_key(door: FrontDoor, path: str) -> None:
    answer = door.anonymous.post(path)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_key_that_was_sent_twice_is_refused_with_the_reason(door: FrontDoor) -> None:
    twice = f"{AN_API_KEY},{AN_API_KEY}"
    answer = door.anonymous.post("/v1/predict", json=a_row(), headers={"x-api-key": twice})
    assert answer.status_code == 401
    assert detail(answer) == "Send the header x-api-key once, not 2 times"


ROW = json.dumps(a_row()).encode()
BOMB = gzip.compress(b" " * 1_000_000)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip", "gzip,"])
def test_a_gzip_body_is_read(door: FrontDoor, coding: str) -> None:
    headers = {"Content-Encoding": coding, "Idempotency-Key": "order-4711"}
    for path in POSTS:
        answer = door.call(
            "POST", path, data=gzip.compress(ROW), content_type="application/json", headers=headers
        )
        assert answer.status_code in (200, 202), answer.text
    assert door.dispatcher.calls[-1][-1] == b"application/json\n" + ROW


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "IDENTITY,identity"])
def test_a_body_that_is_coded_as_itself_is_read(door: FrontDoor, coding: str) -> None:
    assert door.post("/v1/predict", headers={"Content-Encoding": coding}).status_code == 200


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "br, gzip", "compress", "x"])
def test_another_content_coding_is_415_and_says_which_is_read(door: FrontDoor, coding: str) -> None:
    answer = door.post("/v1/predict", headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "gzip"


def test_another_content_type_is_415_and_says_which_are_read(door: FrontDoor) -> None:
    answer = door.call("POST", "/v1/predict", data=ROW, content_type="text/plain")
    assert answer.status_code == 415
    assert answer.headers["Accept"] == "application/json, text/csv"
    assert "`Content-Type: application/json`" in detail(answer)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (BOMB, 413),
        (gzip.compress(ROW)[:-1], 400),
        (gzip.compress(ROW)[:30], 400),
        (gzip.compress(ROW) + b"x", 400),
        (gzip.compress(ROW) * 2, 400),
        (ROW, 400),
        (b"", 400),
    ],
    ids=["a bomb", "cut by a byte", "cut", "a byte behind", "two", "plain", "nothing"],
)
def test_a_gzip_body_that_cannot_be_read_is_refused(
    door: FrontDoor, body: bytes, status: int
) -> None:
    answer = door.call(
        "POST",
        "/v1/predict",
        data=body,
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert answer.status_code == status
    assert "gzip" in detail(answer) or "decompressed" in detail(answer)


def test_every_rule_of_the_application_is_either_open_or_guarded(door: FrontDoor) -> None:
    rules = {rule.rule for rule in door.app.url_map.iter_rules()}
    answers = {
        rule: door.anonymous.get(rule.replace("<task_id>", "task")).status_code
        for rule in rules
        if "<path:" not in rule and rule != "/readyz"
    }
    assert {rule for rule, status in answers.items() if status == 401} == {
        "/reg/",
        "/v1/predict",
        "/v1/tasks",
        "/v1/tasks/<task_id>",
    }


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/predict/", "/v1/tasks/a/b"])
def test_an_unknown_path_is_a_problem_404(door: FrontDoor, path: str) -> None:
    answer = door.call("GET", path)
    assert answer.status_code == 404
    assert problem(answer)["title"] == "Not Found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/reg/", {"POST", "OPTIONS"}),
        ("DELETE", "/reg/", {"POST", "OPTIONS"}),
        ("GET", "/v1/predict", {"POST", "OPTIONS"}),
        ("PUT", "/v1/tasks", {"POST", "OPTIONS"}),
        ("POST", "/v1/tasks/task", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("POST", "/livez", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_405_and_says_which_are_allowed(
    door: FrontDoor, method: str, path: str, allowed: set[str]
) -> None:
    answer = door.call(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert detail(answer)


@pytest.mark.parametrize("path", ["/livez", "/v1/tasks/task", "/nothing", "/reg/"])
@pytest.mark.parametrize("sent", ["4711", "a.b:c/d+e=f@g-h_i", "x" * 128])
def test_a_request_id_is_echoed(door: FrontDoor, path: str, sent: str) -> None:
    answer = door.call("GET", path, headers={"X-Request-ID": sent})
    assert answer.headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", [None, "", " ", "two words", "x" * 129, 'quote"', "ё", "a,b"])
def test_a_request_id_that_could_break_a_log_line_is_replaced(
    door: FrontDoor, sent: str | None
) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    given = [door.call("GET", "/livez", headers=headers).headers["X-Request-ID"] for _ in range(2)]
    assert len({str(uuid.UUID(one)) for one in given}) == 2


def test_the_request_id_travels_with_the_task(door: FrontDoor) -> None:
    for path in POSTS:
        door.post(path, headers={"X-Request-ID": "4711"})
    assert [call[0] for call in door.dispatcher.calls] == ["predict", "predict", "submit"]
    assert all("4711" in call for call in door.dispatcher.calls)


def test_one_object_is_answered_with_one_object_in_the_customers_form(door: FrontDoor) -> None:
    answer = door.post("/reg/", a_row(direction=1))
    assert answer.status_code == 200
    assert answer.json == {"body": {"negative": 0.1, "positive": 0.9}, "status": "ok"}


@pytest.mark.parametrize("path", ["/reg/", "/reg"])
def test_an_array_is_answered_with_an_array_in_the_customers_form(
    door: FrontDoor, path: str
) -> None:
    answer = door.post(path, [a_row(direction=1)])
    assert answer.json == {"body": [{"negative": 0.1, "positive": 0.9}], "status": "ok"}


@pytest.mark.parametrize("body", [a_row(direction=1), [a_row(direction=1)]])
def test_the_services_own_form_is_always_a_list(door: FrontDoor, body: object) -> None:
    assert door.post("/v1/predict", body).json == {
        "task_id": "task",
        "model_version": "fake",
        "predictions": [{"negative": 0.1, "positive": 0.9}],
    }


CACHE_STATUS: dict[CacheUse, str] = {
    "hit": "regno; hit",
    "miss": "regno; fwd=miss",
    "shared": "regno; fwd=miss; collapsed",
}


@pytest.mark.parametrize("path", ["/reg/", "/v1/predict"])
@pytest.mark.parametrize(("use", "status"), CACHE_STATUS.items())
def test_an_answer_says_whether_it_came_from_the_cache(
    door: FrontDoor, path: str, use: CacheUse, status: str
) -> None:
    door.dispatcher.cache = use
    assert door.post(path).headers["Cache-Status"] == status


@pytest.mark.parametrize("path", POSTS)
def test_without_a_cache_nothing_is_said_of_one(door: FrontDoor, path: str) -> None:
    assert "Cache-Status" not in door.post(path).headers


def test_the_document_tells_of_the_cache_where_there_is_one() -> None:
    for ttl in (0, 60):
        settings = api_settings(cache_ttl=ttl)
        paths = openapi_document(settings, RowReader(settings))["paths"]
        for path in ("/reg/", "/v1/predict"):
            answer = paths[path]["post"]["responses"]["200"]
            assert ("Cache-Status" in answer.get("headers", {})) == bool(ttl)


def test_an_accepted_task_says_where_it_is(door: FrontDoor) -> None:
    answer = door.post("/v1/tasks")
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/v1/tasks/task"
    assert answer.json == {"task_id": "task", "status": "queued"}


RESULTS = {
    "queued": encode_unfinished("PENDING", "task"),
    "queued while computed": encode_unfinished("STARTED", "task"),
    "expired": encode_revoked("task", "expired"),
    "cancelled": encode_revoked("task", "cancelled"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_task_without_predictions_says_its_state(door: FrontDoor, name: str) -> None:
    door.dispatcher.result = decode_result(RESULTS[name])
    answer = door.call("GET", "/v1/tasks/task")
    assert answer.status_code == 200
    assert answer.json == {"task_id": "task", "status": name.split(maxsplit=1)[0]}


def test_a_done_task_says_its_predictions(door: FrontDoor) -> None:
    door.dispatcher.result = a_success([1])
    assert door.call("GET", "/v1/tasks/task").json == {
        "task_id": "task",
        "status": "done",
        "model_version": "fake",
        "predictions": [{"negative": 0.1, "positive": 0.9}],
    }


def test_a_failed_task_says_its_problem(door: FrontDoor) -> None:
    failure = Failure("InvalidField", ["Expected more", "/0/direction"])
    door.dispatcher.result = decode_result(encode_failure("task", failure))
    answer = door.call("GET", "/v1/tasks/task", headers={"X-Request-ID": "4711"})
    assert answer.status_code == 200
    assert answer.json == {
        "task_id": "task",
        "status": "failed",
        "error": {
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "Expected more",
            "request_id": "4711",
            "errors": [{"detail": "Expected more", "pointer": "/0/direction"}],
        },
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BrokerUnavailable("away"), 503),
        (errors.ResultStoreUnavailable("away"), 503),
        (errors.DeadlineExceeded("late"), 504),
        (errors.PredictionFailed("failed"), 500),
        (errors.Conflict("no"), 409),
        (errors.UnknownTask("which?"), 404),
    ],
)
@pytest.mark.parametrize("path", POSTS)
def test_an_error_is_told_in_the_form_of_the_call(
    door: FrontDoor, path: str, error: errors.RegnoError, status: int
) -> None:
    door.dispatcher.answer = error
    answer = door.post(path)
    assert answer.status_code == status
    assert detail(answer) == error.detail
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_retry_after_is_in_whole_seconds(door: FrontDoor) -> None:
    door.dispatcher.answer = errors.BrokerUnavailable("away", retry_after=7)
    assert door.post("/v1/predict").headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "call",
    [
        lambda door: door.post("/reg/"),
        lambda door: door.post("/v1/predict"),
        lambda door: door.post("/v1/tasks"),
        lambda door: door.call("GET", "/v1/tasks/task"),
        lambda door: door.call("DELETE", "/v1/tasks/task"),
    ],
)
def test_a_bug_is_told_without_its_text(
    door: FrontDoor,
    call: Callable[[FrontDoor], TestResponse],
    caplog: pytest.LogCaptureFixture,
) -> None:
    door.dispatcher.answer = RuntimeError(SECRET)
    answer = call(door)
    assert answer.status_code == 500
    assert "request id" in detail(answer)
    assert SECRET not in answer.text
    assert SECRET in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text


def test_a_wrong_field_is_pointed_at_in_either_form(door: FrontDoor) -> None:
    body = [a_row(), a_row(direction="1")]
    for path in ("/v1/predict", "/v1/tasks"):
        answer = door.post(path, body)
        assert answer.status_code == 422
        assert problem(answer)["errors"] == [
            {
                "detail": "Expected `integer | null`, got `string`",
                "pointer": "/1/direction",
            }
        ]
    answer = door.post("/reg/", body)
    assert answer.status_code == 422
    assert customer_failure(answer).startswith("/1/direction: ")


def test_a_wrong_parameter_is_named(door: FrontDoor) -> None:
    answer = door.post("/v1/predict?timeout=soon")
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["parameter"] == "timeout"
    answer = door.call("GET", "/v1/tasks/task?wait=31")
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["parameter"] == "wait"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [[a_row()] * 4, {"more": "x" * 10_000}])
def test_too_much_is_413_in_the_form_of_the_call(door: FrontDoor, path: str, body: object) -> None:
    answer = door.post(path, body)
    assert answer.status_code == 413
    assert detail(answer)
    assert door.dispatcher.calls == []


@pytest.mark.parametrize(("path", "count"), [("/reg/", 0), ("/v1/predict", 0), ("/v1/tasks", 1)])
def test_a_preference_that_is_applied_is_said(door: FrontDoor, path: str, count: int) -> None:
    answer = door.post(path, headers={"Prefer": "respond-async, wait=5"})
    applied = answer.headers.get("Preference-Applied")
    assert applied == ("respond-async, wait=5" if path == "/v1/predict" else None)
    assert [call[0] for call in door.dispatcher.calls].count("submit") >= count


def test_a_preferred_late_answer_is_202_when_it_is_not_there_in_time(door: FrontDoor) -> None:
    door.dispatcher.result = decode_result(RESULTS["queued"])
    answer = door.post("/v1/predict", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/v1/tasks/task"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.json == {"task_id": "task", "status": "queued"}


@pytest.mark.parametrize(
    "unread",
    [errors.ResultStoreUnavailable("away"), errors.UnknownTask("lost")],
)
def test_an_accepted_task_that_cannot_be_read_is_told_by_its_id(
    door: FrontDoor, unread: Exception
) -> None:
    door.dispatcher.unread = unread
    answer = door.post("/v1/predict", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/v1/tasks/task"


def test_who_only_waits_for_an_accepted_task_keeps_nobody_out(door: FrontDoor) -> None:
    lane = Admission(AdmissionLimits(1, 1.0))
    for headers, left in (({}, 1), ({"Prefer": "respond-async"}, 0)):
        lane.in_flight = 1
        answer = door.post("/v1/predict", headers=headers, environ_overrides={PLACE: Place(lane)})
        assert answer.status_code == 200
        assert lane.in_flight == left


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "ключ"])
def test_an_idempotency_key_of_odd_characters_is_refused(door: FrontDoor, key: str) -> None:
    answer = door.post("/v1/tasks", headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["parameter"] == "Idempotency-Key"


def test_an_idempotency_key_goes_with_the_body(door: FrontDoor) -> None:
    door.post("/v1/tasks", headers={"Idempotency-Key": "order-4711"})
    [(name, _, _, key, body)] = door.dispatcher.calls
    assert name == "submit_once"
    assert key.endswith(" order-4711")
    assert AN_API_KEY not in key
    assert body.startswith(b"application/json\n{")


def test_the_swagger_page_loads_nothing_from_elsewhere(door: FrontDoor) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', door.anonymous.get("/docs/").text)
    assert any(address.endswith(".js") for address in loaded)
    for address in loaded:
        assert "//" not in address
        file = door.anonymous.get(urljoin("/docs/", address))
        assert file.status_code == 200, address
        file.close()


def test_requests_are_counted_by_route(door: FrontDoor) -> None:
    door.post("/v1/predict")
    door.call("GET", "/v1/tasks/one")
    door.call("GET", "/v1/tasks/two")
    door.call("GET", "/no/such/path")
    text = door.anonymous.get("/metrics").text
    for line in (
        'route="/v1/predict",status="200"} 1.0',
        'route="/v1/tasks/<task_id>",status="200"} 2.0',
        'route="unknown",status="404"} 1.0',
    ):
        assert line in text
    assert "/no/such/path" not in text


@pytest.mark.parametrize("path", ["/v1//predict", "/v1/predict/", "/v1//tasks"])
def test_a_path_that_is_nearly_right_is_no_path(door: FrontDoor, path: str) -> None:
    assert door.post(path).status_code == 404


def test_made_up_methods_and_paths_do_not_make_new_series(door: FrontDoor) -> None:
    for number in range(5):
        door.anonymous.open(f"/made/up/{number}", method=f"MADE{number}")
        door.anonymous.open("/v1/predict", method=f"MADE{number}")
    text = door.anonymous.get("/metrics").text
    labels = re.findall(r"^regno_http_requests_total\{(.*)\} ", text, re.MULTILINE)
    assert labels == ['method="unknown",route="unknown",status="401"']


def test_missed_deadlines_and_bugs_are_counted(door: FrontDoor) -> None:
    door.dispatcher.answer = errors.DeadlineExceeded("late")
    for _ in range(2):
        assert door.post("/v1/predict").status_code == 504
    door.dispatcher.answer = RuntimeError("a bug")
    assert door.post("/reg/").status_code == 500
    text = door.anonymous.get("/metrics").text
    assert 'regno_deadline_misses_total{route="/v1/predict"} 2.0' in text
    assert 'regno_unexpected_errors_total{where="route"} 1.0' in text


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (None, "200 OK"),
        (encode_failure("task", Failure("PredictionFailed", ["cannot"])), "500 "),
        (RESULTS["expired"], "504 "),
    ],
    ids=["done", "failed", "expired"],
)
def test_a_prediction_leaves_nothing_for_the_garbage_collector(
    door: FrontDoor, result: bytes | None, told: str
) -> None:
    if result is not None:
        door.dispatcher.result = decode_result(result)
    ask: dict[str, Any] = {"json": a_row(), "headers": {"x-api-key": AN_API_KEY}}
    builders = [EnvironBuilder("/v1/predict", method="POST", **ask) for _ in range(11)]
    first, *others = [builder.get_environ() for builder in builders]
    run_wsgi_app(door.app, first)
    gc.disable()
    gc.freeze()  # what other tests have left, and may drop meanwhile, is not counted
    try:
        for environ in others:
            _, status, _ = run_wsgi_app(door.app, environ)
            assert status.startswith(told)
        assert gc.collect() == 0
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_known_path_leads_to_its_own_methods_only(door: FrontDoor) -> None:
    for _ in range(2):  # the second time it is remembered
        assert door.post("/v1/predict").status_code == 200
        assert door.call("PUT", "/v1/predict").status_code == 405
        assert door.post("/v1/predict/").status_code == 404
