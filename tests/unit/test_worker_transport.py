import pytest
from celery import Celery
from kombu.transport.pyamqp import SSLTransport

from worker.app import prepare_transport
from worker.lane_consumer import LaneConsumer
from worker.read_ahead import ReadAhead


def prepared(broker_url: str) -> Celery:
    app = Celery(broker=broker_url, set_as_current=False)
    prepare_transport(app, broker_url)
    return app


def test_rabbitmq_is_read_ahead_of() -> None:
    app = prepared("amqp://localhost//")
    assert app.connection_for_read().get_transport_cls() is ReadAhead
    assert app.amqp.Consumer is LaneConsumer


def test_what_was_to_be_encrypted_is() -> None:
    app = prepared("amqps://localhost//")
    transport = app.connection_for_read().get_transport_cls()
    assert transport is SSLTransport
    assert app.amqp.Consumer is LaneConsumer


@pytest.mark.parametrize("broker_url", ["redis://localhost", "memory://"])
def test_other_transports_are_left_alone(broker_url: str) -> None:
    app = prepared(broker_url)
    assert app.connection_for_read().get_transport_cls() is not ReadAhead
    assert app.amqp.Consumer is not LaneConsumer
