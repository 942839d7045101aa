"""What Celery would print of a message that it can make nothing of stays out of the log."""

import logging

import pytest
from celery.worker.consumer import consumer

from worker.celery_log import keep_bodies_out

LOGGER = logging.getLogger(consumer.__name__)
BODY = "rows of somebody"


@pytest.fixture(autouse=True)
def _shortened() -> None:
    keep_bodies_out()


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (consumer.UNKNOWN_FORMAT, (BODY,)),
        (consumer.UNKNOWN_TASK_ERROR, (KeyError("task"), BODY, {"argsrepr": BODY}, {})),
        (consumer.INVALID_TASK_ERROR, (ValueError("why"), BODY)),
        (consumer.MESSAGE_DECODE_ERROR, (ValueError("why"), "json", "utf-8", BODY, BODY)),
    ],
)
def test_a_message_is_not_repeated(
    text: str, args: tuple[object, ...], caplog: pytest.LogCaptureFixture
) -> None:
    LOGGER.error(text, *args)
    assert BODY not in caplog.text
    assert "dropped" in caplog.text
    if len(args) > 1:
        assert str(args[0]) in caplog.text


def test_everything_else_is_said_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    LOGGER.warning("%s of %s", 1, 2)
    assert "1 of 2" in caplog.text
