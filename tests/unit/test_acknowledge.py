"""One acknowledgement for a batch, and never for a message that is not done."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.message import Message

from worker.acknowledge import acknowledge


class Channel:
    """Keeps what a broker would: the tags that are still unacknowledged."""

    def __init__(self, tags: set[Any]) -> None:
        self.unacknowledged = set(tags)
        self.calls = 0

    def message(self, tag: Any) -> Message:
        return cast("Message", Delivered(self, tag))


class Delivered:
    def __init__(self, channel: Channel, tag: Any) -> None:
        self.delivery_tag = tag
        self.channel = channel

    def ack_log_error(self, _logger: object, _errors: object, multiple: bool = False) -> None:
        held = self.channel.unacknowledged
        self.channel.calls += 1
        assert self.delivery_tag in held, "acknowledged twice"
        ended = (
            {tag for tag in held if tag <= self.delivery_tag} if multiple else {self.delivery_tag}
        )
        held -= ended


@given(st.sets(st.integers(1, 60)), st.data())
def test_exactly_what_is_done_is_acknowledged(tags: set[int], data: st.DataObject) -> None:
    done = data.draw(st.sets(st.sampled_from(sorted(tags))) if tags else st.just(set()))
    channel = Channel(tags)
    waiting = sorted(tags - done)[:1]
    acknowledge(
        [channel.message(tag) for tag in done], [channel.message(tag) for tag in waiting], ()
    )
    assert channel.unacknowledged == tags - done


def test_a_batch_with_nothing_waiting_before_it_takes_one_call() -> None:
    channel = Channel(set(range(1, 200)))
    done = [channel.message(tag) for tag in range(1, 129)]
    acknowledge(done, [channel.message(129)], ())
    assert channel.calls == 1
    assert channel.unacknowledged == set(range(129, 200))


@pytest.mark.parametrize("waiting", [[], ["c"]])
def test_tags_that_are_not_numbers_are_acknowledged_one_by_one(waiting: list[str]) -> None:
    channel = Channel({"a", "b", "c"})
    acknowledge(
        [channel.message("a"), channel.message("b")], [channel.message(tag) for tag in waiting], ()
    )
    assert channel.unacknowledged == {"c"}


def test_tags_of_two_channels_have_nothing_to_do_with_each_other() -> None:
    sync, lasting = Channel({1, 2, 3}), Channel({1, 2, 3})
    done = [sync.message(1), lasting.message(1), sync.message(3), lasting.message(2)]
    acknowledge(done, [sync.message(2), lasting.message(3)], ())
    assert sync.unacknowledged == {2}
    assert lasting.unacknowledged == {3}
