"""The gateway as its clients see it: the real process of a plant, or one with settings of its own inside the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from connectors.gateway.main import build
from connectors.gateway.state import State
from schemas.settings import Settings
from tests.plants import RunningPlant

ORDERS = "/api/v1/integrations/erp/work-orders"
MATERIALS = "/api/v1/integrations/erp/materials"
STOCK = "/api/v1/integrations/inventory/stock-levels"


def anybody(plant: RunningPlant) -> httpx2.Client:
    """A client without a token."""
    return httpx2.Client(base_url=plant.endpoints["GATEWAY_URL"], timeout=30)


def token_of(client: httpx2.Client, plant: RunningPlant) -> str:
    """A client's access token."""
    answer = client.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": plant.endpoints["OAUTH_CLIENT_ID"],
            "client_secret": plant.endpoints["OAUTH_CLIENT_SECRET"],
        },
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def erp(plant: RunningPlant) -> httpx2.Client:
    """The ERP, signed in."""
    with anybody(plant) as stranger:
        token = token_of(stranger, plant)
    client = anybody(plant)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def operator(plant: RunningPlant) -> httpx2.Client:
    """An operator, signed in."""
    client = anybody(plant)
    client.headers["Authorization"] = f"Bearer {plant.endpoints['ADMIN_TOKEN']}"
    return client


@contextmanager
def own_gateway(plant: RunningPlant, **settings: Any) -> Iterator[tuple[TestClient, State]]:
    """A gateway with other settings, over the plant's Kafka and Postgres."""
    parts = State.build(plant.settings(**settings))
    with TestClient(build(parts), raise_server_exceptions=False) as client:
        yield client, parts


def order_event(erp_id: str, verb: str = "created", **fields: Any) -> dict[str, Any]:
    """An ERP event as in 002 section 3.2.1, with one material unless told otherwise."""
    now = datetime.now(UTC)
    complete = {
        "product_id": "PROD-WD-100",
        "product_name": "Washer Door Assembly",
        "quantity_ordered": 200,
        "unit_of_measure": "EA",
        "priority": "high",
        "due_date": (now + timedelta(days=1)).isoformat(),
    }
    order = {"erp_work_order_id": erp_id} | (complete if verb == "created" else {}) | fields
    return {"event_type": f"work_order.{verb}", "timestamp": now.isoformat(), "work_order": order}


def material(material_id: str, **fields: Any) -> dict[str, Any]:
    """Master data of a material."""
    return {"material_id": material_id, "part_number": material_id, "part_name": f"Part {material_id}"} | fields


@contextmanager
def without_postgres() -> Iterator[State]:
    """The parts of a gateway that has no Postgres to ask which tokens were revoked: none was."""
    parts = State.build(Settings(kafka_bootstrap="127.0.0.1:1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts.revocations, "refuse", lambda principal: None)
        yield parts
    parts.publisher.close()
