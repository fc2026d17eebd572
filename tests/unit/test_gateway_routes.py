"""Every route of the gateway asks who is there, or stands on the list of those that do not."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from connectors.gateway.main import PUBLIC, build
from connectors.gateway.state import State
from schemas.settings import Settings


@pytest.fixture(scope="module")
def routes() -> Iterator[list[Any]]:
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1"))
    yield [route for route in _all(build(parts).routes) if isinstance(route, APIRoute | APIWebSocketRoute)]
    parts.publisher.close()


def _all(routes: Any) -> Iterator[Any]:
    """Every route, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            yield route
        else:
            inner = getattr(getattr(route, "original_router", None), "routes", None)
            yield from _all(inner or ())


def _scopes(dependant: Dependant) -> set[str]:
    scope = getattr(dependant.call, "scope", None)
    found: set[str] = {scope} if scope else set()
    return found.union(*(_scopes(each) for each in dependant.dependencies))


def test_every_route_needs_a_scope_or_is_public(routes: list[Any]) -> None:
    open_doors = {route.path for route in routes if not _scopes(route.dependant)}
    assert open_doors == PUBLIC


def test_whoever_changes_something_needs_more_than_to_read(routes: list[Any]) -> None:
    for route in routes:
        if isinstance(route, APIRoute) and set(route.methods or ()) - {"GET", "HEAD"} and route.path not in PUBLIC:
            assert _scopes(route.dependant) - {"plant.read"}, route.path


def test_the_api_of_the_contract_is_there(routes: list[Any]) -> None:
    paths = {route.path for route in routes}
    assert {
        "/oauth/token",
        "/api/v1/integrations/erp/work-orders",
        "/api/v1/integrations/erp/materials",
        "/api/v1/integrations/inventory/stock-levels",
        "/api/v1/work-orders",
        "/api/v1/work-orders/{work_order_id}",
        "/api/v1/work-orders/{work_order_id}/assign",
        "/api/v1/materials/{material_id}",
        "/api/v1/reservations",
        "/api/v1/machines",
        "/api/v1/machines/{machine_id}/history",
        "/api/v1/failures",
        "/api/v1/alerts",
        "/api/v1/integrations/health",
        "/api/v1/live",
        "/api/v1/ws",
        "/healthz",
        "/readyz",
        "/metrics",
    } <= paths
