"""Errors of real processes arrive at the test's Sentry: once, and without what was sent."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.builders import a_row
from tests.failing_worker import UNPREDICTABLE
from tests.receiver import Receiver
from tests.servers import PASSWORD, Servers
from tests.stack import API_KEY, Stack

MARKED = a_row(afts_regno_ai=UNPREDICTABLE)
SENT = (
    UNPREDICTABLE,
    " ".join(UNPREDICTABLE),
    *(str(a_row()[name]) for name in ("regno_recognize", "camera_class")),
)


class Reported(NamedTuple):
    """What Sentry was sent by one run of the service."""

    events: list[dict[str, Any]]
    text: str

    def of(self, role: str) -> dict[str, Any]:
        """The one event of a role."""
        [event] = [event for event in self.events if event["tags"]["role"] == role]
        return event


def run(servers: Servers, folder: Path, name: str, **settings: str) -> Reported:
    """A good request, one that fails in the worker and one that fails in the api; then the end."""
    with Receiver() as receiver:
        stack = Stack(
            servers.rabbit.add_vhost(name),
            servers.redis.url.removesuffix("/0") + "/4",
            folder,
            settings={"REGNO_SENTRY_DSN": receiver.dsn, **settings},
            api="tests.failing_api",
            worker="tests.failing_worker",
        )
        try:
            stack.wait_ready()
            post = stack.client.post
            assert post("/v1/predict", json=a_row()).status_code == 200
            for request_id, path in (("worker-1", "/v1/predict"), ("api-1", "/v1/bug")):
                headers = {"X-Request-ID": request_id, "Authorization": "Bearer of-a-token"}
                assert post(path, json=MARKED, headers=headers).status_code == 500
        finally:
            stack.close()  # what has not been sent yet is sent now
        events = receiver.events()
        return Reported(events, json.dumps(events, ensure_ascii=False))


@pytest.fixture(scope="module")
def reported(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("sentry")
    return run(servers, folder, "sentry", REGNO_SENTRY_ENVIRONMENT="staging")


@pytest.fixture(scope="module")
def reported_with_rows(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    folder = tmp_path_factory.mktemp("sentry-rows")
    return run(servers, folder, "sentry-rows", REGNO_SENTRY_SEND_ROWS="1")


def kinds(event: dict[str, Any]) -> list[str]:
    return [value["type"] for value in event["exception"]["values"]]


def test_an_error_in_the_worker_arrives_once_with_the_request_id(reported: Reported) -> None:
    event = reported.of("worker")
    assert event["level"] == "error"
    assert event["tags"]["request_id"] == "worker-1"
    assert set(event["tags"]) == {"role", "request_id", "task_id", "model_version"}
    assert kinds(event) == ["CatBoostError", "PredictionFailed"]


def test_an_error_in_the_api_arrives_once_with_the_request_id(reported: Reported) -> None:
    event = reported.of("api")
    assert event["tags"] == {"role": "api", "request_id": "api-1"}
    assert kinds(event) == ["ValueError"]


def test_events_name_their_environment(reported: Reported) -> None:
    assert {event["environment"] for event in reported.events} == {"staging"}


@pytest.mark.parametrize("private", [*SENT, API_KEY, PASSWORD, "of-a-token"])
def test_neither_keys_nor_what_was_sent_arrive(reported: Reported, private: str) -> None:
    assert private not in reported.text


def test_no_local_variables_and_no_request_arrive(reported: Reported) -> None:
    assert '"vars"' not in reported.text
    for event in reported.events:
        assert "request" not in event
        assert not event.get("breadcrumbs", {}).get("values")
        assert not event["extra"]


def test_where_it_is_allowed_what_was_sent_and_local_variables_arrive(
    reported_with_rows: Reported,
) -> None:
    for role in ("worker", "api"):
        event = reported_with_rows.of(role)
        assert UNPREDICTABLE in event["extra"]["sent"]
        [*_, last] = event["exception"]["values"]
        frames = last["stacktrace"]["frames"]
        assert any(frame.get("vars") for frame in frames)


@pytest.mark.parametrize("secret", [API_KEY, PASSWORD, "of-a-token"])
def test_keys_do_not_arrive_even_then(reported_with_rows: Reported, secret: str) -> None:
    assert secret not in reported_with_rows.text
