"""What planners edit, made over HTTP: calendars, work centres, operations, routings; and who makes it."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx2

from connectors.gateway.auth import Tokens
from connectors.gateway.roles import scopes_of
from tests.gateways import anybody
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant

API = "/api/v1"
WEEKDAYS = [1, 2, 3, 4, 5]
EARLY: dict[str, Any] = {
    "name": "early",
    "weekdays": WEEKDAYS,
    "begins": "06:00",
    "ends": "14:00",
    "breaks": [{"begins": "10:00", "minutes": 30}],
}
Document = dict[str, Any]


def somebody(plant: RunningPlant, role: str, name: str = "", tenant_id: str | None = None) -> httpx2.Client:
    """A person with a role, signed in."""
    changes = {} if tenant_id is None else {"tenant_id": tenant_id}
    client = anybody(plant)
    token = Tokens(plant.settings(**changes)).issue(name or role, scopes_of([role]))
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def neighbour(plant: RunningPlant) -> httpx2.Client:
    """A planner of another tenant."""
    return somebody(plant, "planner", "nora", NEIGHBOUR)


def unique(prefix: str) -> str:
    """A code that nothing else has."""
    return f"{prefix}-{uuid4().hex[:10]}"


def calendar(**fields: Any) -> Document:
    """A calendar with an early shift."""
    told = {"zone": "UTC", "shifts": [EARLY]} | fields
    return {"calendar_code": unique("CAL"), "calendar_name": "Early", "definition": told}


def work_center(**fields: Any) -> Document:
    """A work centre."""
    return {"work_center_code": unique("WC"), "work_center_name": "Press"} | fields


def operation(**fields: Any) -> Document:
    """A kind of operation."""
    told = {"operation_name": "Varnishing", "setup_time_minutes": 20, "run_time_per_unit_seconds": 0.5}
    return {"operation_code": unique("OP")} | told | fields


def routing(*operations: Mapping[str, Any], **fields: Any) -> Document:
    """A routing."""
    told = {"routing_code": unique("R"), "routing_name": "Brochure"}
    return told | {"operations": [dict(each) for each in operations]} | fields


def make(client: httpx2.Client, what: str, document: Document) -> Document:
    """Make something; what it is then."""
    answer = client.post(f"{API}/{what}", json=document)
    assert answer.status_code == 201, answer.text
    made: Document = answer.json()
    return made


def see(client: httpx2.Client, what: str, identity: str) -> Document:
    """What something is now."""
    found: Document = client.get(f"{API}/{what}/{identity}").raise_for_status().json()
    return found
