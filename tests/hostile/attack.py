"""Sends hostile messages to a running service, and calls it rightly meanwhile."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import amqp
from kombu.connection import Connection

from shared.queues import Lane
from tests.builders import a_row
from tests.hostile.encoding import RawMessage
from tests.hostile.messages import Hostile
from tests.processes import wait_until
from tests.stack import Client, Stack


class GoodCaller:
    """Sends one good request after the other, at a steady rate, in a thread."""

    def __init__(self, url: str, per_second: float) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self._url = url
        self._interval = 1 / per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        client = Client(self._url)
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval, time.monotonic() - self._interval)
            answer = client.post("/v1/predict?timeout=10", json=a_row())
            if answer.status_code == 200:
                self.right += 1
            else:
                self.wrong.append(answer.text)
        client.close()


@contextmanager
def publishing(broker_url: str) -> Iterator[amqp.Channel]:
    """A channel of a plain client, whose messages RabbitMQ confirms."""
    with Connection(broker_url, transport_options={"confirm_publish": True}) as connection:
        yield connection.channel()


def publish(channel: amqp.Channel, lane: Lane, message: Hostile) -> None:
    """Returns once RabbitMQ has it. Raises amqp.AMQPError where it refuses it itself."""
    raw = RawMessage(message.body, message.encoded)
    channel.basic_publish_confirm(raw, routing_key=lane.value, confirm_timeout=10)


def send_all(stack: Stack, messages: Sequence[Hostile]) -> set[tuple[str, Lane]]:
    """Sends each to both lanes; those that RabbitMQ refused, by name and lane."""
    refused = set()
    waiting = deque((message, lane) for message in messages for lane in Lane)
    while waiting:
        with publishing(stack.environment["REGNO_BROKER_URL"]) as channel:
            while waiting:
                message, lane = waiting.popleft()
                try:
                    publish(channel, lane, message)
                except amqp.AMQPError:  # it ends the connection of who sends what it cannot read
                    refused.add((message.name, lane))
                    break
    return refused


def wait_empty(stack: Stack, seconds: float = 30) -> None:
    """Returns once the workers hold nothing any more that was sent to the lanes."""
    with Connection(stack.environment["REGNO_BROKER_URL"]) as connection:
        channel = connection.channel()

        def waiting(lane: Lane) -> int:
            return int(channel.queue_declare(lane.value, passive=True).message_count)

        wait_until(lambda: not any(map(waiting, Lane)), seconds, "the lanes are empty")
