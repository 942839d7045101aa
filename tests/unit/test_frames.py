"""The frames we write are what py-amqp reads back."""

from struct import unpack_from

import pytest
from amqp.basic_message import Message
from amqp.serialization import loads

from api.dispatch.frames import publish_frames
from shared.messages import Chunk, TaskMessage, task_message
from shared.queues import Lane
from tests.builders import a_reading

FRAME_END = 0xCE


def a_message(rows: int = 1, lane: Lane = Lane.SYNC) -> TaskMessage:
    return task_message(
        lane,
        "0f9c3f0e-0000-4000-8000-000000000000",
        [a_reading()] * rows,
        expires_at=1_767_225_600.5,
        expires_in=2.0,
        reply_to="regno.reply.1" if lane is Lane.SYNC else None,
        request_id="запрос-1",
    )


def split(data: bytes) -> list[tuple[int, int, bytes]]:
    """Frames as (type, channel, payload)."""
    frames = []
    while data:
        kind, channel, size = unpack_from(">BHI", data)
        assert data[7 + size] == FRAME_END
        frames.append((kind, channel, data[7 : 7 + size]))
        data = data[8 + size :]
    return frames


@pytest.mark.parametrize("lane", Lane)
def test_properties_and_headers_arrive_as_they_were_given(lane: Lane) -> None:
    message = a_message(lane=lane)
    (_, _, method), (_, _, header), (_, _, body) = split(publish_frames(message, 3, 131072))
    assert unpack_from(">HH", method) == (60, 40)
    assert loads("Bssbb", method, 4)[0] == [0, "", lane.value, True, False]
    read = Message()
    read.inbound_header(header)
    assert read.body_size == len(message.body)
    assert read.properties.pop("application_headers") == message.headers
    assert read.properties == message.properties
    assert body == message.body


def test_a_body_that_is_larger_than_a_frame_is_split() -> None:
    message = a_message(rows=50)
    frames = split(publish_frames(message, 1, 4096))
    assert [kind for kind, _, _ in frames[:2]] == [1, 2]
    bodies = [payload for kind, _, payload in frames[2:] if kind == 3]
    assert len(bodies) > 3
    assert all(len(payload) + 8 <= 4096 for payload in bodies)
    assert b"".join(bodies) == message.body


def test_frames_name_the_channel() -> None:
    assert {channel for _, channel, _ in split(publish_frames(a_message(), 7, 131072))} == {7}


def test_the_numbers_among_a_chunks_headers_arrive_as_numbers() -> None:
    message = task_message(
        Lane.ASYNC,
        "array-3",
        [a_reading()],
        expires_at=1_767_225_600.5,
        expires_in=2.0,
        request_id="request",
        chunk=Chunk("array", 3, 4, 712),
    )
    _, (_, _, header), _ = split(publish_frames(message, 3, 131072))
    read = Message()
    read.inbound_header(header)
    headers = read.properties["application_headers"]
    assert headers == message.headers
    assert (headers["group_index"], headers["chunks"], headers["first_row"]) == (3, 4, 712)
