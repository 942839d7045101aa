"""Tasks as some Celery client sends them, past the front door."""

import uuid
from collections.abc import Iterable
from typing import Any

from kombu.connection import Connection
from kombu.messaging import Producer

from shared.queues import Lane


def publish(broker_url: str, lane: Lane, rows: Iterable[dict[str, Any]], **headers: str) -> None:
    """Sends a task for each row; they are in the lane's queue when this returns."""
    with Connection(broker_url, transport_options={"confirm_publish": True}) as connection:
        producer = Producer(connection.channel())
        for row in rows:
            task_id = str(uuid.uuid4())
            sent = {"lang": "py", "task": "pick_regno", "id": task_id, "root_id": task_id}
            producer.publish(
                [[[row]], {}, {}],
                routing_key=lane.value,
                headers=sent | headers,
                serializer="json",
            )
