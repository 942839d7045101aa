"""A worker that gets stuck when it is told to, and whose watchdog has little patience."""

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amqp import spec

import worker.app
from shared.features import FeatureRow
from shared.results import Prediction
from worker.__main__ import main
from worker.lane_channel import LaneChannel
from worker.model import Model, load_model
from worker.steps import Presence
from worker.watch import Patience

FOLDER = "TEST_STUCK_FOLDER"
"""The variable that names the folder of the files below. Each works once."""
HANG = "hang"
LOSE = "lose"
REFUSED = "refused"

HANGING = "HANGS-1984"
"""A plate that the model never finishes with, where there is a file ``hang``."""

PATIENCE = Patience(still=3.0, quiet=1.0)

_NEVER_DELIVERED = 1_000_000

_LOOK_SECONDS = 0.1


def told(what: str) -> bool:
    """Whether the file is there; then it is not any more."""
    try:
        (Path(os.environ[FOLDER]) / what).unlink()
    except FileNotFoundError:
        return False
    return True


class StuckModel(Model):
    """Hangs at a plate."""

    def __init__(self, model: Model) -> None:
        vars(self).update(vars(model))

    def score(self, rows: Sequence[FeatureRow]) -> list[Prediction]:
        """See ``Model``."""
        plates = [row.afts_regno_ai_text.replace(" ", "") for row in rows]
        if HANGING in plates and told(HANG):
            threading.Event().wait()
        return super().score(rows)


def lane_channels(connection: Any) -> list[LaneChannel]:
    """Those on which a worker's connection consumes."""
    return [one for one in connection.channels.values() if isinstance(one, LaneChannel)]


class LosingPresence(Presence):
    """Loses its channels where a file says so.

    Either the consumers on them, without anybody in this process being told, or RabbitMQ closes
    them for what they have asked.
    """

    def start(self, consumer: Any) -> None:
        """See ``Presence``."""
        super().start(consumer)
        connection = consumer.task_consumer.channel.connection
        consumer.timer.call_repeatedly(_LOOK_SECONDS, self._lose, (connection,))

    def _lose(self, connection: Any) -> None:
        if told(LOSE):
            for channel in lane_channels(connection):
                for tag in channel.callbacks:
                    channel.send_method(spec.Basic.Cancel, "sb", (tag, True))
        if told(REFUSED):
            for channel in lane_channels(connection):
                channel.basic_ack(_NEVER_DELIVERED)


def load_stuck(path: Path) -> Model:
    """A model that hangs."""
    return StuckModel(load_model(path))


if __name__ == "__main__":
    worker.app.Presence = LosingPresence  # type: ignore[attr-defined]
    sys.exit(main(load_stuck, PATIENCE))
