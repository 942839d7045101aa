"""Which requests are identical, and how a message says that its result is to be kept."""

import json
from typing import Any, cast

import pytest
from redis.client import Pipeline

from shared.cache import CacheTicket, cache_key, digest_of, flight_key, read_ticket
from shared.results import (
    Failure,
    Prediction,
    Predictions,
    encode_failure,
    encode_revoked,
    encode_success,
)
from shared.rows import RowReader
from tests.builders import a_row, api_settings
from worker.cache import keep_for_identical

READER = RowReader(api_settings())
TICKET = CacheTicket("0123456789abcdef" * 2, 1500)
SUCCESS = encode_success("task", Predictions("v1", [Prediction(0.25, 0.75)]))


def digest(*rows: dict[str, Any]) -> str:
    return digest_of(READER.read_json(json.dumps(rows).encode())[0])


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(a_row().items())),
        a_row(afts_regno_ai_length_scores="[3e-10,2e-8,0.990]"),
        a_row(lane=3),
        a_row(direction=0, recognition_accuracy=1.54e1),
    ],
    ids=["key order", "scores in a string", "an unknown field", "a number written otherwise"],
)
def test_rows_that_say_the_same_have_one_digest(same: dict[str, Any]) -> None:
    assert digest(same) == digest(a_row())


def test_whitespace_and_one_object_or_an_array_of_one_make_no_difference() -> None:
    ways = [json.dumps(a_row()), json.dumps([a_row()], indent=4, ensure_ascii=False)]
    assert len({digest_of(READER.read_json(way.encode())[0]) for way in ways}) == 1


@pytest.mark.parametrize("field", a_row())
def test_a_digest_is_of_every_field(field: str) -> None:
    others = {str: "2021-08-01T09:02:58", float: 0.5, int: 1, list: [0.5]}
    assert digest(a_row(**{field: others[type(a_row()[field])]})) != digest(a_row())


def test_a_digest_is_of_all_rows_in_their_order() -> None:
    one, other = a_row(direction=0), a_row(direction=1)
    asked = [[one], [other], [one, other], [other, one], [one, one]]
    assert len({digest(*rows) for rows in asked}) == len(asked)


def test_a_ticket_survives_its_header() -> None:
    assert read_ticket(TICKET.to_header()) == TICKET


@pytest.mark.parametrize(
    "header",
    [None, 5, {}, "", "no ticket", f"{TICKET.digest} 0", f"{TICKET.digest} -1", f"{'x' * 32} 1",
     f"{TICKET.digest} {'9' * 30}", f"{TICKET.digest} 1\n"],
)  # fmt: skip
def test_what_is_no_ticket_is_read_as_none(header: object) -> None:
    assert read_ticket(header) is None


class RecordingPipeline:
    """Remembers the commands it was given."""

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []

    def set(self, key: str, value: bytes, px: int) -> None:
        self.commands.append(("set", key, value, px))

    def delete(self, key: str) -> None:
        self.commands.append(("delete", key))


def commands_for(encoded: bytes) -> list[tuple[Any, ...]]:
    pipe = RecordingPipeline()
    keep_for_identical(cast("Pipeline", pipe), TICKET, encoded)
    return pipe.commands


def test_predictions_are_kept_under_the_version_of_their_model_before_the_flight_ends() -> None:
    assert commands_for(SUCCESS) == [
        ("set", cache_key(TICKET.digest, "v1"), SUCCESS, TICKET.ttl_ms),
        ("delete", flight_key(TICKET.digest)),
    ]


@pytest.mark.parametrize(
    "encoded",
    [
        encode_failure("task", Failure("PredictionFailed", ["cannot"])),
        encode_revoked("task", "expired"),
    ],
    ids=["failed", "expired"],
)
def test_of_anything_else_nothing_is_kept(encoded: bytes) -> None:
    assert commands_for(encoded) == [("delete", flight_key(TICKET.digest))]
