from functools import partial

import pytest
from celery import Celery
from kombu.transport.pyamqp import SSLTransport

from shared.guarded_amqp import GuardedConnection
from worker.app import prepare_transport, speaks_amqp
from worker.lane_consumer import LaneConsumer
from worker.read_ahead import ReadAhead


def prepared(broker_url: str) -> Celery:
    app = Celery(broker=broker_url, set_as_current=False)
    prepare_transport(app, broker_url)
    return app


def has_a_channel_for_each_lane(app: Celery) -> bool:
    consumer = app.amqp.Consumer
    return isinstance(consumer, partial) and consumer.func is LaneConsumer


def test_rabbitmq_is_read_ahead_of() -> None:
    app = prepared("amqp://localhost//")
    assert app.connection_for_read().get_transport_cls() is ReadAhead
    assert has_a_channel_for_each_lane(app)
    assert speaks_amqp("amqp://localhost//")


def test_what_was_to_be_encrypted_is() -> None:
    app = prepared("amqps://localhost//")
    transport = app.connection_for_read().get_transport_cls()
    assert issubclass(transport, SSLTransport)
    assert issubclass(transport.Connection, GuardedConnection)
    assert has_a_channel_for_each_lane(app)


@pytest.mark.parametrize("broker_url", ["redis://localhost", "memory://"])
def test_other_transports_are_left_alone(broker_url: str) -> None:
    app = prepared(broker_url)
    assert app.connection_for_read().get_transport_cls() is not ReadAhead
    assert not has_a_channel_for_each_lane(app)
    assert not speaks_amqp(broker_url)
