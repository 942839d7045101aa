"""The OpenAPI document says what the service does, and the service does what it says."""

from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    NotAServerErrorConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import RejectedPositiveData

from api.openapi import openapi_document
from shared.rows import FIELDS, RowReader, is_date_and_time
from tests.builders import api_settings
from tests.stack import API_KEY, Client, Stack


def document_of(**limits: Any) -> dict[str, Any]:
    settings = api_settings(**limits)
    return openapi_document(settings, RowReader(settings))


Case = schemathesis.Case[Any]

DOCUMENT = document_of()
"""With the limits that are the settings' defaults, as the stack has them."""

CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(
            generation=GenerationConfig(
                modes=list(schemathesis.GenerationMode), max_examples=40, deterministic=True
            ),
            checks=ChecksConfig(
                # A caller may ask for an answer within no time at all: 504 is a fair one.
                not_a_server_error=NotAServerErrorConfig(
                    expected_statuses=["2xx", "3xx", "4xx", "504"]
                )
            ),
        )
    )
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
load_all_checks()


ROW = DOCUMENT["components"]["schemas"]["Row"]["properties"]
SCHEMA_OF_TIMES = jsonschema_rs.validator_for(ROW["time_check"])
DIALECT = "https://json-schema.org/draft/2020-12/schema"


UNFORESEEN = (
    "This key was used with another body before",
    "Expected `integer | null`, got `number`",  # 1.0 is an integer to a schema
)


@SCHEMA.hook
def filter_failure(
    context: schemathesis.HookContext,  # noqa: ARG001 - the hook's signature
    failure: Exception,
    case: Case,
    response: schemathesis.Response,
) -> bool:
    """Whether a failure is one: some refusals are right though no schema can foretell them."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    if case.media_type == "text/csv":  # to a schema CSV is just text
        return False
    if "time_check" in response.text:
        return not names_no_day(case.body)
    return not any(reason in response.text for reason in UNFORESEEN)


def names_no_day(body: Any) -> bool:
    """Whether a time in the body looks right but the calendar has no such day."""
    times = [row["time_check"] for row in (body if isinstance(body, list) else [body])]
    return any(SCHEMA_OF_TIMES.is_valid(time) and not is_date_and_time(time) for time in times)


@SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_an_operation_answers_as_its_description_says(case: Case, stack: Stack) -> None:
    case.call_and_validate(base_url=stack.url, headers={"x-api-key": API_KEY})


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    SCHEMA.validate()


def test_every_schema_of_the_document_is_a_valid_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": DIALECT})


def test_every_operation_is_described() -> None:
    found = SCHEMA.get_all_operations()
    assert sorted(one.ok().label for one in found if isinstance(one, Ok)) == [
        "DELETE /v1/tasks/{task_id}",
        "GET /livez",
        "GET /readyz",
        "GET /v1/tasks/{task_id}",
        "POST /reg/",
        "POST /v1/predict",
        "POST /v1/tasks",
    ]


def test_the_service_serves_the_document_of_its_settings(client: Client) -> None:
    assert client.get("/openapi.json").json() == DOCUMENT


def test_the_limits_of_the_settings_are_in_the_document() -> None:
    document = document_of(
        max_plate_chars=11, max_camera_chars=12, max_scores=13, max_rows=14, max_body_bytes=1500,
        max_timeout=16,
    )  # fmt: skip
    row = document["components"]["schemas"]["Row"]["properties"]
    assert row["regno_recognize"]["maxLength"] == row["afts_regno_ai"]["maxLength"] == 11
    assert row["camera_type"]["maxLength"] == row["camera_class"]["maxLength"] == 12
    for field in ("afts_regno_ai_char_scores", "afts_regno_ai_length_scores"):
        assert row[field]["anyOf"][1]["maxItems"] == 13
    for path in ("/reg/", "/v1/predict", "/v1/tasks"):
        body = document["paths"][path]["post"]["requestBody"]
        rows = body["content"]["application/json"]["schema"]["anyOf"][1]
        assert (rows["minItems"], rows["maxItems"]) == (1, 14)
        assert "1500 bytes" in body["description"]
    timeout, _ = document["paths"]["/v1/predict"]["post"]["parameters"]
    [wait] = document["paths"]["/v1/tasks/{task_id}"]["get"]["parameters"]
    assert timeout["schema"]["maximum"] == wait["schema"]["maximum"] == 16


def test_a_row_has_the_ten_fields_and_all_are_required() -> None:
    assert tuple(ROW) == tuple(DOCUMENT["components"]["schemas"]["Row"]["required"]) == FIELDS


@pytest.mark.parametrize("field", FIELDS)
def test_the_examples_of_a_field_are_accepted(client: Client, field: str) -> None:
    row = {name: schema["examples"][0] for name, schema in ROW.items()}
    for example in ROW[field]["examples"]:
        answer = client.post("/reg/", json=row | {field: example})
        assert answer.status_code == 200, answer.text


def test_the_example_of_csv_is_accepted(client: Client) -> None:
    content = DOCUMENT["paths"]["/reg/"]["post"]["requestBody"]["content"]
    body = content["text/csv"]["example"].encode()
    answer = client.post("/reg/", data=body, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("text", "count"), [("[]", 0), ("[0.99, 0.98]", 2), ("[1,-2.5e-10]", 2), ("[0.5]", 1)]
)
def test_the_pattern_of_scores_lets_lists_through(text: str, count: int) -> None:
    validator = jsonschema_rs.validator_for(ROW["afts_regno_ai_char_scores"])
    assert validator.is_valid(text)
    assert validator.is_valid([0.5] * count)
    assert not validator.is_valid(text + "]")
