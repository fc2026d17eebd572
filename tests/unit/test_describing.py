"""The OpenAPI document says what holds for every route."""

from typing import Any

import pytest

from connectors.gateway.describing import PROBLEM_MEDIA, PROBLEM_SCHEMA, SIGN_IN, routes_of, scopes_of
from connectors.gateway.main import PUBLIC, build
from connectors.gateway.state import State
from schemas.settings import Settings


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1"))
    app = build(parts)
    document = app.openapi()
    parts.publisher.close()
    assert SIGN_IN.keys() <= document["components"]["securitySchemes"].keys()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_error_is_a_problem_document(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"][PROBLEM_MEDIA]["schema"] == PROBLEM_SCHEMA, (name, status)


def test_nothing_promises_an_error_of_fastapis_own(operations: dict[str, dict[str, Any]]) -> None:
    assert "HTTPValidationError" not in str(operations)


def test_what_needs_a_scope_says_which_and_how_to_sign_in(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        is_open = name.partition(" ")[2] in PUBLIC
        assert ("security" in operation) is not is_open, name
        if not is_open:
            assert {"401", "403"} <= operation["responses"].keys(), name


def test_any_operation_may_find_a_part_away(operations: dict[str, dict[str, Any]]) -> None:
    assert all({"400", "503"} <= operation["responses"].keys() for operation in operations.values())


def test_scopes_are_found_behind_dependencies() -> None:
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1"))
    scopes = {route.path: scopes_of(route.dependant) for route in routes_of(build(parts).routes)}
    parts.publisher.close()
    assert scopes["/api/v1/exports/work-orders.{form}"] == {"plant.read"}
