"""What goes wrong is a page to somebody who went to a page, and a problem document to whatever else asked."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from connectors.gateway.auth import SESSION_COOKIE
from connectors.gateway.main import build
from connectors.gateway.roles import ROLES
from connectors.gateway.state import State
from schemas.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestClient]:
    # Nothing answers there: whatever a page needs of Postgres or Kafka is away.
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1", database_url="postgresql://nobody@127.0.0.1:1/x"))
    client = TestClient(build(parts), raise_server_exceptions=False)
    client.cookies[SESSION_COOKIE] = parts.tokens.issue("vera", ROLES["viewer"])
    yield client
    parts.publisher.close()


def test_an_address_that_is_no_page_is_told_on_a_page(gateway: TestClient) -> None:
    answer = gateway.get("/nowhere", headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Not found</h1>" in answer.text
    assert 'href="/"' in answer.text


def test_a_page_whose_database_is_away_says_so_and_when_to_come_back(gateway: TestClient) -> None:
    answer = gateway.get("/orders", headers=BROWSER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Postgres is not reachable" in answer.text


def test_a_wrong_value_in_the_address_is_named_and_does_nothing(gateway: TestClient) -> None:
    answer = gateway.get("/failures?view=<script>alert(1)</script>&status=<b>x</b>", headers=BROWSER)
    assert answer.status_code in (400, 503)
    assert "<script>alert" not in answer.text
    assert "<b>x" not in answer.text


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/v1/nowhere", BROWSER),
        ("/nowhere", {"Accept": "application/json"}),
        ("/nowhere", {}),
        ("/nowhere", BROWSER | {"HX-Request": "true"}),
    ],
)
def test_programs_and_parts_of_pages_get_the_document(gateway: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = gateway.get(path, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["title"] == "Not found"
