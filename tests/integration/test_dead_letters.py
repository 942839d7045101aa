"""A message that is never finished ends: its task fails, and an operator finds the message."""

import uuid
from typing import Any

from kombu.connection import Connection
from kombu.messaging import Producer

from shared.messages import task_message
from shared.queues import DEAD_QUEUE, DELIVERY_LIMIT, Lane, dead_queue, lane_queues
from shared.rows import RowReader
from shared.settings import WorkerSettings
from tests.builders import a_row
from tests.processes import wait_until
from tests.servers import Servers
from tests.stack import Stack


def test_after_too_many_deliveries_a_task_is_failed_and_its_message_kept(stack: Stack) -> None:
    broker_url = stack.environment["REGNO_BROKER_URL"]
    reader = RowReader(WorkerSettings(broker_url=broker_url, redis_url="redis://none"))
    task_id = str(uuid.uuid4())
    message = task_message(
        Lane.ASYNC,
        task_id,
        reader.read_objects([a_row()]),
        expires_at=4e9,
        expires_in=1e9,
        request_id="poison",
    )
    with Connection(broker_url) as connection:
        Producer(connection.channel()).publish(
            message.body,
            routing_key=message.queue,
            # What a quorum queue adds to a message that it delivers for the last time.
            headers={**message.headers, "x-delivery-count": DELIVERY_LIMIT},
            **message.properties,
        )
        wait_until(
            lambda: stack.client.get(f"/v1/tasks/{task_id}").status_code == 200, 10, "it ends"
        )
        answer = stack.client.get(f"/v1/tasks/{task_id}").json()
        assert answer["status"] == "failed"
        assert answer["error"]["status"] == 500
        assert "Given up" in answer["error"]["detail"]
        dead = dead_queue()(connection.channel())
        found: list[Any] = []

        def look() -> bool:
            letter = dead.get()
            if letter is not None:
                letter.ack()
                found.append(letter)
            return bool(found)

        wait_until(look, 10, f"a message in {DEAD_QUEUE}")
        assert found[0].headers["id"] == task_id


def test_rabbitmq_itself_gives_up_what_no_worker_lives_to_count(servers: Servers) -> None:
    with Connection(servers.rabbit.add_vhost("delivery-limit")) as connection:
        waiting, dead = lane_queues()[1], dead_queue()
        for queue in (waiting, dead):
            queue(connection.default_channel).declare()
        Producer(connection.default_channel).publish("kills", routing_key=waiting.name)
        deliveries = 0

        def given_up() -> bool:
            nonlocal deliveries
            channel = connection.channel()
            deliveries += waiting(channel).get() is not None
            channel.close()  # as where a worker dies that has not acknowledged it
            return dead(connection.default_channel).get(no_ack=True) is not None

        wait_until(given_up, 20, f"the message is in {DEAD_QUEUE}")
    assert deliveries == DELIVERY_LIMIT + 1
