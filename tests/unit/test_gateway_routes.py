"""Every route of the gateway asks who is there, or stands on the list of those that do not."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.testclient import TestClient

from connectors.gateway.main import PUBLIC, build
from connectors.gateway.roles import ROLES
from connectors.gateway.state import State
from schemas.settings import Settings


@pytest.fixture(scope="module")
def parts() -> Iterator[State]:
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1"))
    yield parts
    parts.publisher.close()


@pytest.fixture(scope="module")
def routes(parts: State) -> list[Any]:
    return [route for route in _all(build(parts).routes) if isinstance(route, APIRoute | APIWebSocketRoute)]


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


OPERATORS = {"operator", "planner", "integration_admin", "admin"}
REPAIRERS = {"integration_admin", "admin"}
PLANNERS = {"planner", "admin"}
PROGRAMS: set[str] = set()
"""They have scopes of their own, which no role of a person has."""
# Who may call what changes something. What only reads is open to every role.
MAY_CHANGE = {
    "POST /api/v1/integrations/erp/work-orders": PROGRAMS,
    "POST /api/v1/integrations/erp/materials": PROGRAMS,
    "POST /api/v1/integrations/inventory/stock-levels": PROGRAMS,
    "POST /api/v1/integrations/hr/attendance": PROGRAMS,
    "POST /webhooks/pas/completion": PROGRAMS,
    "POST /api/projects": PLANNERS,
    "POST /api/projects/{project_id}/tasks": PLANNERS,
    "POST /api/projects/{project_id}/start": PLANNERS,
    "POST /api/projects/{project_id}/simulate": PLANNERS,
    "POST /api/projects/{project_id}/tasks/{task_id}/validate": PLANNERS,
    "POST /api/projects/{project_id}/lane-overrides": PLANNERS,
    "POST /api/v1/work-orders": OPERATORS,
    "PATCH /api/v1/work-orders/{work_order_id}": OPERATORS,
    "POST /api/v1/work-orders/{work_order_id}/assign": OPERATORS,
    "POST /api/v1/work-orders/{work_order_id}/{verb}": OPERATORS,
    "POST /api/v1/work-orders/{work_order_id}/notes": OPERATORS,
    "POST /api/v1/work-orders/{work_order_id}/tasks": OPERATORS,
    "PATCH /api/v1/work-orders/{work_order_id}/tasks/{task_id}": OPERATORS,
    "POST /api/v1/calendars": PLANNERS,
    "PUT /api/v1/calendars/{id}": PLANNERS,
    "PATCH /api/v1/calendars/{id}": PLANNERS,
    "DELETE /api/v1/calendars/{id}": PLANNERS,
    "POST /api/v1/calendars/{id}/restore": PLANNERS,
    "POST /api/v1/work-centers": PLANNERS,
    "PUT /api/v1/work-centers/{id}": PLANNERS,
    "PATCH /api/v1/work-centers/{id}": PLANNERS,
    "DELETE /api/v1/work-centers/{id}": PLANNERS,
    "POST /api/v1/work-centers/{id}/restore": PLANNERS,
    "POST /api/v1/operations": PLANNERS,
    "PUT /api/v1/operations/{id}": PLANNERS,
    "PATCH /api/v1/operations/{id}": PLANNERS,
    "DELETE /api/v1/operations/{id}": PLANNERS,
    "POST /api/v1/operations/{id}/restore": PLANNERS,
    "POST /api/v1/maintenance": OPERATORS,
    "PUT /api/v1/maintenance/{id}": OPERATORS,
    "PATCH /api/v1/maintenance/{id}": OPERATORS,
    "DELETE /api/v1/maintenance/{id}": OPERATORS,
    "POST /api/v1/maintenance/{id}/restore": OPERATORS,
    "POST /api/v1/assets": PLANNERS,
    "PUT /api/v1/assets/{id}": PLANNERS,
    "PATCH /api/v1/assets/{id}": PLANNERS,
    "DELETE /api/v1/assets/{id}": PLANNERS,
    "POST /api/v1/assets/{id}/restore": PLANNERS,
    "PUT /api/v1/schedule-settings": PLANNERS,
    "POST /api/v1/routings": PLANNERS,
    "POST /api/v1/routings/{id}/suggestions/accept": PLANNERS,
    "PUT /api/v1/routings/{id}": PLANNERS,
    "PATCH /api/v1/routings/{id}": PLANNERS,
    "DELETE /api/v1/routings/{id}": PLANNERS,
    "POST /api/v1/routings/{id}/restore": PLANNERS,
    "POST /api/v1/changeovers": PLANNERS,
    "PUT /api/v1/changeovers/{id}": PLANNERS,
    "PATCH /api/v1/changeovers/{id}": PLANNERS,
    "DELETE /api/v1/changeovers/{id}": PLANNERS,
    "POST /api/v1/changeovers/{id}/restore": PLANNERS,
    "POST /api/v1/calendars/{id}/holidays": PLANNERS,
    "POST /api/v1/routings/{id}/versions": PLANNERS,
    "POST /api/v1/routings/{id}/validate": OPERATORS,
    "POST /api/v1/routings/{id}/expand": OPERATORS,
    "POST /api/v1/boms": PLANNERS,
    "PUT /api/v1/boms/{bom_id}": PLANNERS,
    "PATCH /api/v1/boms/{bom_id}": PLANNERS,
    "DELETE /api/v1/boms/{bom_id}": PLANNERS,
    "POST /api/v1/boms/{bom_id}/revisions": PLANNERS,
    "POST /api/v1/products": PLANNERS,
    "POST /api/v1/schedules": PLANNERS,
    "POST /api/v1/schedules/{schedule_id}/accept": PLANNERS,
    "POST /api/v1/schedules/{schedule_id}/cancel": PLANNERS,
    "POST /api/v1/schedules/{schedule_id}/check": PLANNERS,
    "POST /api/v1/schedules/{schedule_id}/moves": PLANNERS,
    "POST /api/v1/proposals": PLANNERS,
    "POST /api/v1/proposals/{proposal_id}/accept": PLANNERS,
    "POST /api/v1/proposals/{proposal_id}/dismiss": PLANNERS,
    "POST /api/v1/mrp-runs": PLANNERS,
    "POST /api/v1/mrp-runs/{run_id}/cancel": PLANNERS,
    "PATCH /api/v1/purchase-requisitions/{requisition_id}": PLANNERS,
    "POST /api/v1/item-planning": PLANNERS,
    "PATCH /api/v1/item-planning/{item_id}": PLANNERS,
    "DELETE /api/v1/item-planning/{item_id}": PLANNERS,
    "POST /api/v1/production-orders": PLANNERS,
    "POST /api/v1/production-orders/generate": PLANNERS,
    "PATCH /api/v1/production-orders/{production_order_id}": PLANNERS,
    "POST /api/v1/production-orders/{production_order_id}/expand": PLANNERS,
    "POST /api/v1/production-orders/{production_order_id}/release": PLANNERS,
    "POST /api/v1/production-orders/{production_order_id}/cancel": PLANNERS,
    "POST /api/v1/units/conversions": PLANNERS,
    "POST /api/v1/reallocations/{suggestion_id}/take": OPERATORS,
    "POST /api/v1/reallocations/{suggestion_id}/dismiss": OPERATORS,
    "POST /api/v1/alerts/acknowledge": OPERATORS,
    "POST /api/v1/alerts/{alert_id}/acknowledge": OPERATORS,
    "POST /api/v1/api-keys": REPAIRERS,
    "POST /api/v1/revocations": REPAIRERS,
    "DELETE /api/v1/api-keys/{key_id}": REPAIRERS,
    "POST /api/v1/failures/{failure_id}/retry": REPAIRERS,
    "POST /api/v1/failures/{failure_id}/edit-retry": REPAIRERS,
    "POST /api/v1/failures/{failure_id}/resolve": REPAIRERS,
    "POST /api/v1/failures/{failure_id}/discard": REPAIRERS,
    "POST /api/v1/failures/bulk": REPAIRERS,
    "POST /failures/edits": REPAIRERS,
    "POST /api/v1/lines/{line}/resume": REPAIRERS,
    "POST /api/v1/deliveries/{delivery_id}/retry": REPAIRERS,
    "POST /api/v1/jobs/{name}/run": REPAIRERS,
    "POST /api/v1/reconciliations": REPAIRERS,
    "POST /api/v1/reconciliations/{report_id}/items/{item}/resolve": REPAIRERS,
}
# They take no token at all, but a key or a signature.
BY_KEY = {"POST /api/v1/integrations/hr/attendance", "POST /webhooks/pas/completion"}
# Besides reading the plant, these need more: they show what opens it.
MAY_READ = {"GET /api/v1/api-keys": REPAIRERS}


def _calls(routes: list[Any]) -> dict[str, Any]:
    """Every call that asks who is there, by method and path."""
    return {
        f"{method} {route.path}": route
        for route in routes
        if isinstance(route, APIRoute) and route.path not in PUBLIC
        for method in route.methods or ()
    }


def test_every_route_is_open_to_the_roles_of_the_table_and_to_no_other(routes: list[Any]) -> None:
    found = {
        call: {role for role, scopes in ROLES.items() if _scopes(route.dependant) <= set(scopes)}
        for call, route in _calls(routes).items()
    }
    changing = {call: roles for call, roles in found.items() if not call.startswith("GET ")}
    assert changing == MAY_CHANGE
    assert {call: roles for call, roles in found.items() if call.startswith("GET ") and roles != set(ROLES)} == MAY_READ


def test_a_forced_call_is_refused_whoever_makes_it(parts: State, routes: list[Any]) -> None:
    allowed = MAY_CHANGE | MAY_READ
    client = TestClient(build(parts))
    for call, route in _calls(routes).items():
        method, path = call.split(" ")
        address = re.sub(r"{[^}]*}", "1", path)
        for role in [None, *ROLES]:
            if role is None or role not in allowed.get(call, ROLES):
                token = parts.tokens.issue("somebody", ROLES[role] if role else ("erp.read",))
                answer = client.request(method, address, json={}, headers={"Authorization": f"Bearer {token}"})
                wanted = 401 if call in BY_KEY else 403
                assert answer.status_code == wanted, f"{call} as {role}: {answer.status_code} {answer.text}"
                assert call in BY_KEY or answer.json()["needed_scope"] in _scopes(route.dependant)
        assert client.request(method, address, json={}, follow_redirects=False).status_code in (401, 303), call


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
        "/webhooks/pas/completion",
        "/api/projects/{project_id}/start",
        "/api/projects/{project_id}/simulate",
        "/api/projects/{project_id}/lane-overrides",
        "/api/v1/live",
        "/api/v1/ws",
        "/healthz",
        "/readyz",
        "/metrics",
    } <= paths
