"""What real processes write: JSON to the last line, with ids, and nothing of what was sent."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kombu.connection import Connection
from kombu.messaging import Producer

from ops.local import programs
from ops.local.programs import free_port
from shared.queues import Lane
from tests.builders import a_row
from tests.failing_worker import UNPREDICTABLE
from tests.processes import Process, wait_until
from tests.servers import PASSWORD, Servers
from tests.stack import API_KEY, Stack

SENT = (
    UNPREDICTABLE,
    " ".join(UNPREDICTABLE),
    *(str(a_row()[name]) for name in ("regno_recognize", "camera_class")),
)
MARKED = a_row(afts_regno_ai=UNPREDICTABLE)


class Written(NamedTuple):
    """All that one run of the service has written."""

    api: list[dict[str, Any]]
    worker: list[dict[str, Any]]
    text: str

    def about(self, request_id: str) -> list[dict[str, Any]]:
        return [e for e in self.api + self.worker if e.get("request_id") == request_id]


def events(log: Path) -> list[dict[str, Any]]:
    """Fails where a line is no JSON object."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def publish(broker_url: str, body: bytes, **headers: object) -> None:
    """A message as somebody else might send it."""
    with Connection(broker_url) as connection:
        Producer(connection.channel()).publish(
            body,
            routing_key=Lane.SYNC.value,
            headers=headers,
            content_type="application/json",
            content_encoding="utf-8",
        )


@pytest.fixture(scope="module")
def written(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A good request, a row that fails in the worker, a bug in the api, and odd messages."""
    broker_url = servers.rabbit.add_vhost("logs")
    redis_url = servers.redis.url.removesuffix("/0") + "/3"
    settings = {"REGNO_LOG_LEVEL": "DEBUG", "API_PROCESSES": "2"}
    folder = tmp_path_factory.mktemp("logs")
    stack = Stack(
        broker_url,
        redis_url,
        folder,
        settings=settings,
        api="tests.failing_api",
        worker="tests.failing_worker",
    )
    try:
        stack.wait_ready()
        client = stack.client
        for request_id, path, row in (
            ("good", "/v1/predict", a_row()),
            ("bad-row", "/v1/predict", MARKED),
            ("bug", "/v1/bug", MARKED),
        ):
            client.post(path, json=row, headers={"X-Request-ID": request_id})
        client.post("/v1/predict", data=json.dumps(MARKED)[:-1])
        client.post("/v1/predict", json=MARKED, headers={"x-api-key": "no key of this service"})
        body = json.dumps([[[MARKED]], {}, {}]).encode()
        publish(broker_url, body, task="other", id="1", argsrepr=str(MARKED))
        publish(broker_url, body, task="pick_regno", argsrepr=str(MARKED))
        publish(broker_url, body)
        worker_log = stack.workers[0].log
        wait_until(lambda: worker_log.read_text().count("dropped ") == 3, 10, "three are dropped")
    finally:
        stack.close()
    text = stack.api.log.read_text(encoding="utf-8") + worker_log.read_text(encoding="utf-8")
    return Written(events(stack.api.log), events(worker_log), text)


def test_every_line_is_an_event_of_its_role(written: Written) -> None:
    fields = {"timestamp", "level", "logger", "message", "role", "process"}
    for role, found in (("api", written.api), ("worker", written.worker)):
        assert found
        for event in found:
            assert fields <= set(event)
            assert event["role"] == role


def test_gunicorn_and_celery_log_in_the_same_form(written: Written) -> None:
    assert "gunicorn.error" in {event["logger"] for event in written.api}
    assert any("Starting gunicorn" in event["message"] for event in written.api)
    assert any(event["logger"].startswith("celery.") for event in written.worker)
    assert any(event["message"].endswith(" ready.") for event in written.worker)


def test_a_request_is_found_in_both_roles_by_its_id(written: Written) -> None:
    found = written.about("good")
    assert {event["role"] for event in found} == {"api", "worker"}
    assert len({event["task_id"] for event in found}) == 1
    assert len({event["model_version"] for event in found}) == 1


def test_what_fails_in_the_worker_is_an_error_there_and_known_in_the_api(
    written: Written,
) -> None:
    found = [event for event in written.about("bad-row") if event["level"] != "DEBUG"]
    [error] = [event for event in found if event["role"] == "worker"]
    [warning] = [event for event in found if event["role"] == "api"]
    assert (error["level"], warning["level"]) == ("ERROR", "WARNING")
    assert error["task_id"] == warning["task_id"]
    assert error["model_version"]
    assert error["exception"]["type"] == "shared.errors.PredictionFailed"
    assert "Bad value '[sent]'" in error["exception"]["message"]
    assert "_catboost.CatBoostError: Bad value" in error["exception"]["stack"]


def test_a_bug_in_the_api_is_an_error_with_its_stack(written: Written) -> None:
    [error] = written.about("bug")
    assert error["level"] == "ERROR"
    assert error["exception"]["type"] == "ValueError"
    assert error["exception"]["message"] == "cannot read '[sent]' for [secret]"
    assert "in fail" in error["exception"]["stack"]


@pytest.mark.parametrize("private", [*SENT, API_KEY, PASSWORD, "no key of this service"])
def test_nothing_that_was_sent_and_no_secret_is_written(written: Written, private: str) -> None:
    for form in (private, ascii(private)[1:-1]):
        assert form not in written.text


def test_a_front_door_that_lacks_a_setting_says_that_and_fails_of_nothing_else(
    tmp_path: Path,
) -> None:
    door = Process(programs.api({}, free_port(), tmp_path / "metrics"), tmp_path)
    assert door.wait(30) != 0
    assert "REGNO_BROKER_URL must be set" in door.tail()
    assert "worker exit" not in door.tail(), "there was nothing to stop"
