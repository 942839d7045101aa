"""An event is one JSON object, or text for people; with ids, without secrets and plates."""

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ops.local.programs import ROOT
from shared import log
from shared.log import SENT_FIELD, JsonFormatter, TextFormatter
from shared.redact import Redactor
from tests.builders import a_reading

KEY = "a-key-of-some-length"
PLATE = "ZZ-1984-QX"
REDACTOR = Redactor([KEY])


@pytest.fixture(autouse=True)
def _nothing_bound() -> None:
    log.bind()


def a_record(message: str = "text", *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("some.place").makeRecord(
        "some.place", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )


def caught(error: Exception, **extra: object) -> logging.LogRecord:
    record = a_record("it failed", **extra)
    try:
        raise error
    except type(error):
        record.exc_info = sys.exc_info()
    return record


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter("api", REDACTOR).format(record)
    assert "\n" not in line
    event: dict[str, Any] = json.loads(line)
    return event


def as_text(record: logging.LogRecord) -> str:
    return TextFormatter(REDACTOR).format(record)


def test_an_event_is_one_json_object() -> None:
    record = a_record("%d things\nin two lines", 5)
    event = as_json(record)
    moment = datetime.fromisoformat(event.pop("timestamp"))
    assert abs(moment.timestamp() - record.created) < 0.001
    assert event == {
        "level": "WARNING",
        "logger": "some.place",
        "message": "5 things\nin two lines",
        "role": "api",
        "process": record.process,
    }


def test_ids_that_are_given_come_before_those_that_are_bound() -> None:
    log.bind(request_id="bound", model_version="m")
    try:
        event = as_json(a_record(request_id="given", task_id="t"))
        text = as_text(a_record(task_id="t"))
    finally:
        log.bind()
    assert (event["request_id"], event["task_id"], event["model_version"]) == ("given", "t", "m")
    assert text.endswith("text request_id=bound model_version=m task_id=t")


def test_an_exception_is_a_field_with_its_causes() -> None:
    error = ValueError("second")
    error.__cause__ = KeyError("first")
    told = as_json(caught(error))["exception"]
    assert told["type"] == "ValueError"
    assert told["message"] == "second"
    assert told["stack"].startswith("KeyError: 'first'")
    assert "direct cause" in told["stack"]


@pytest.mark.parametrize("form", [lambda r: json.dumps(as_json(r)), as_text])
def test_neither_keys_nor_what_was_sent_are_written(
    form: Callable[[logging.LogRecord], str],
) -> None:
    sent = {SENT_FIELD: [a_reading(afts_regno_ai=PLATE)]}
    error = ValueError(f"cannot read {PLATE} for {KEY}")
    line = form(caught(error, request_id=KEY, **sent))
    assert PLATE not in line
    assert KEY not in line
    assert "cannot read [sent] for [secret]" in line
    assert "Стационарная" not in line


def test_text_is_for_people() -> None:
    text = as_text(caught(ValueError("why"), request_id="r"))
    first, second, *_, last = text.splitlines()
    assert first.endswith("it failed request_id=r")
    assert " WARNING some.place[" in first
    assert second.startswith("Traceback")
    assert last == "ValueError: why"


SCRIPT = """
import logging, os, sys, threading, warnings
from shared.log import set_up_logging
set_up_logging(os.environ, "worker")
logging.getLogger("kombu").info("chatter")
warnings.warn("odd", stacklevel=1)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("nobody expected this")
"""


def run(**environment: str) -> str:
    """What a process writes to standard error, which is no terminal."""
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("level", ["INFO", "louder"])
def test_a_process_logs_what_nobody_caught_as_json(level: str) -> None:
    events = [json.loads(line) for line in run(REGNO_LOG_LEVEL=level).splitlines()]
    assert [(e["level"], e["logger"]) for e in events] == [
        ("WARNING", "py.warnings"),
        ("CRITICAL", "shared.log"),
        ("CRITICAL", "shared.log"),
    ]
    assert {e["role"] for e in events} == {"worker"}
    assert [e["exception"]["type"] for e in events[1:]] == ["ZeroDivisionError", "ValueError"]


def test_a_process_logs_text_where_it_is_told_to() -> None:
    lines = run(REGNO_LOG_FORMAT="text").splitlines()
    assert " WARNING py.warnings[" in lines[0]
    assert lines[-1] == "ValueError: nobody expected this"


def test_on_a_terminal_a_process_logs_text() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCRIPT]
    try:
        subprocess.run(command, cwd=ROOT, env={}, stderr=theirs, timeout=60, check=False)
        assert b" WARNING py.warnings[" in os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
