"""The Celery application that workers run and operators' tools connect with."""

from celery import Celery
from celery.app.amqp import AMQP
from kombu.entity import Exchange

from shared.queues import Lane, lane_queues
from shared.settings import Settings

HEARTBEAT_SECONDS = 20
CONNECT_SECONDS = 2.0


class DefaultExchangeAMQP(AMQP):  # type: ignore[misc]
    """Leaves queues on RabbitMQ's default exchange, which routes by queue name.

    Celery would declare a direct exchange and bind every queue to it.
    """

    default_exchange = Exchange("")


def make_celery(settings: Settings) -> Celery:
    """A Celery application on these settings. Nothing connects until it is used."""
    app = Celery(
        "regno",
        amqp=DefaultExchangeAMQP,
        broker=settings.broker_url,
        backend=settings.redis_url,
        set_as_current=False,
    )
    app.conf.update(
        task_queues=lane_queues(),
        task_default_queue=Lane.ASYNC.value,
        task_create_missing_queues=False,
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        result_expires=settings.result_ttl,
        broker_connection_retry_on_startup=True,
        # RabbitMQ refuses something: a worker connects anew, like after any loss, and never ends.
        broker_channel_error_retry=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_heartbeat=HEARTBEAT_SECONDS,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
    )
    return app
