"""What caches between the service and its callers are told."""

import pytest

from tests.builders import a_row
from tests.stack import Client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/reg/", 200),
        ("POST", "/v1/predict", 200),
        ("POST", "/v1/tasks", 202),
        ("GET", "/v1/tasks/no-such-task", 404),
        ("PUT", "/v1/predict", 405),
        ("OPTIONS", "/v1/predict", 200),
        ("GET", "/nothing", 404),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs/", 200),
    ],
)
def test_no_answer_may_be_stored_by_a_cache(
    client: Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path, json=a_row())
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_files_of_the_docs_page_may_be_kept_and_are_checked_by_their_tag(
    client: Client,
) -> None:
    answer = client.get("/docs/swagger-ui.css")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"]
