"""Material requirements planning through the planner: as the pure calculation has it, and what people do with it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from sql import snapshots
from streams.domain import mrp
from streams.planning.requirements import inputs, plant_days
from tests import shop_rows
from tests.integration.planners import ended, said
from tests.plants import RunningPlant, eventually

UNIT = "INSERT INTO inventory_uoms (tenant_id, uom, description) VALUES (%s, %s, 'a unit') ON CONFLICT DO NOTHING"
BILL = """
INSERT INTO manufacturing_boms (tenant_id, id, item_master_id, bom_number, revision, lifecycle_status, effective_from,
  output_quantity, uom, metadata, version, created_at, created_by, updated_at, updated_by)
SELECT tenant_id, gen_random_uuid(), inventory_item_id, item_code, '1', 'active', '2020-01-01', 1, 'EA', '{}', 1, now(),
  'anna', now(), 'anna' FROM item_master WHERE item_code = %s RETURNING id::text AS id
"""
LINE = """
INSERT INTO manufacturing_bom_components (tenant_id, id, bom_id, line, component_item_id, quantity, uom, position,
  scrap_percentage, created_at, updated_at)
SELECT tenant_id, gen_random_uuid(), %s, %s, inventory_item_id, %s, 'EA', %s, 0, now(), now()
FROM item_master WHERE item_code = %s
"""
pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture
def client(planning: TestClient) -> TestClient:
    return planning


def ran(client: TestClient, kind: str = "full") -> dict[str, Any]:
    """A run that is done."""
    told = client.post("/api/v1/mrp-runs", json={"kind": kind})
    assert told.status_code == 202, told.text
    return ended(client, told.json()["status_url"])


@pytest.fixture(scope="module")
def products(migrated: RunningPlant) -> str:
    """A product of two parts, one of them on two levels, with a part that is bought; the suffix of their ids."""
    name, tenant = uuid4().hex[:6], migrated.endpoints["TENANT_ID"]
    with migrated.rows() as rows:
        shop_rows.clear(rows)
        rows.execute(
            "INSERT INTO inventory_uoms (tenant_id, uom, description) VALUES (%s, 'EA', 'each') ON CONFLICT DO NOTHING",
            [tenant],
        )
        for number, code in enumerate("ABCD", int(name, 16)):
            rows.execute(
                "INSERT INTO item_master (tenant_id, inventory_item_id, item_code, uom, created_at) "
                "VALUES (%s, %s, %s, 'EA', now())",
                [tenant, number * 10, f"{code}-{name}"],
            )
        for product, parts in (("A", {"B": 2, "C": 1}), ("B", {"C": 3, "D": 1})):
            rows.execute(
                BILL.encode(),
                [f"{product}-{name}"],
            )
            (bom,) = rows.fetchall()
            for line, (part, quantity) in enumerate(parts.items(), 1):
                rows.execute(
                    LINE.encode(),
                    [bom["id"], line, quantity, str(line), f"{part}-{name}"],
                )
        due = shop_rows.now() + timedelta(days=21)
        due += timedelta(days=-due.weekday() % 7)  # a Monday: nothing is due on a day off
        for number in range(3):
            shop_rows.order(
                rows, tenant, f"PO-{name}-{number}", due + timedelta(days=number), product_id=f"A-{name}", quantity=10
            )
    return name


def test_a_run_finds_what_the_calculation_finds_on_the_same_moment(
    client: TestClient, products: str, migrated: RunningPlant
) -> None:
    assert (
        client.post("/api/v1/item-planning", json={"item_id": f"C-{products}", "lead_time_days": 3}).status_code == 201
    )
    found = ran(client)
    assert (found["status"], found["failure"]) == ("finished", None)
    with snapshots.one_moment(migrated.app_url, migrated.endpoints["TENANT_ID"]) as rows:
        stock = snapshots.stock(rows, datetime.now(UTC), datetime.now(UTC).date())
    told = inputs(stock, "UTC")
    plan = mrp.plan(told, plant_days(stock, told.today).offset)
    orders = [
        (each["item_id"], each["start_date"], each["due_date"], Decimal(str(each["quantity"])))
        for each in found["orders"]["orders"]
    ]
    assert sorted(orders) == sorted(
        (each.item_id, each.start.isoformat(), each.due.isoformat(), each.quantity) for each in plan.orders()
    )
    needed = sum(quantity for item, _, _, quantity in orders if item == f"C-{products}")
    assert needed == 3 * 10 * (1 + 2 * 3)
    assert found["inputs"]["digest"] == snapshots.digest(stock)
    events = eventually(lambda: said(migrated, found["mrp_run_id"]), 20, "nobody heard of it")
    assert events == ["plan.mrp_finished"]


def test_every_planned_order_says_which_demands_it_is_for(client: TestClient, products: str) -> None:
    found = ran(client)
    url = f"/api/v1/mrp-runs/{found['mrp_run_id']}/orders"
    first = client.get(url, params={"item": f"D-{products}"}).json()["orders"]
    assert [[peg["demand_id"] for peg in each["pegs"]] for each in first] == [[f"PO-{products}-{n}"] for n in range(3)]
    of_one = client.get(url, params={"demand": f"PO-{products}-1", "limit": 2}).json()
    assert len(of_one["orders"]) == 2
    rest = client.get(url, params={"demand": f"PO-{products}-1", "cursor": of_one["next_cursor"]}).json()
    items = {each["item_id"] for each in [*of_one["orders"], *rest["orders"]]}
    assert items == {f"{code}-{products}" for code in "ABCD"}


def test_what_is_ordered_is_a_receipt_of_the_next_run_and_what_is_not_is_asked_for_anew(
    client: TestClient, products: str
) -> None:
    ran(client)
    query = {"status": "proposed", "item": f"D-{products}"}
    asked = client.get("/api/v1/purchase-requisitions", params=query).json()["requisitions"]
    assert [each["quantity"] for each in asked] == [20, 20, 20]
    told = client.patch(
        f"/api/v1/purchase-requisitions/{asked[0]['requisition_id']}", json={"status": "ordered", "version": 1}
    )
    assert (told.status_code, told.json()["status"]) == (200, "ordered"), told.text
    again = client.patch(f"/api/v1/purchase-requisitions/{asked[0]['requisition_id']}", json={"status": "ordered"})
    assert (again.status_code, again.json()["detail"]) == (409, "A requisition that is ordered cannot be ordered.")
    assert ran(client)["status"] == "finished"
    left = client.get("/api/v1/purchase-requisitions", params=query).json()["requisitions"]
    assert [each["quantity"] for each in left] == [20, 20]
    assert not {each["requisition_id"] for each in left} & {each["requisition_id"] for each in asked}


def test_a_net_change_run_computes_anew_only_what_changed_and_finds_the_same(
    client: TestClient, products: str, migrated: RunningPlant
) -> None:
    full = ran(client)
    with migrated.rows() as rows:
        due = shop_rows.now() + timedelta(days=40)
        shop_rows.order(
            rows, migrated.endpoints["TENANT_ID"], f"PO-{products}-d", due, product_id=f"D-{products}", quantity=7
        )
    changed = ran(client, "net_change")
    assert changed["inputs"]["base_run_id"] == full["mrp_run_id"]
    assert changed["figures"]["replanned"] == 1 < changed["figures"]["items"]
    assert ran(client)["orders"] == changed["orders"]


def test_what_is_too_late_is_a_shortage_with_its_days(client: TestClient, products: str) -> None:
    seen = client.get(f"/api/v1/item-planning/C-{products}")
    changed = client.patch(
        f"/api/v1/item-planning/C-{products}", json={"lead_time_days": 60}, headers={"If-Match": seen.headers["etag"]}
    )
    assert (changed.status_code, changed.json()["version"]) == (200, seen.json()["version"] + 1)
    stale = client.patch(
        f"/api/v1/item-planning/C-{products}", json={"lead_time_days": 1}, headers={"If-Match": seen.headers["etag"]}
    )
    assert stale.status_code == 409
    found = ran(client)
    short = [each for each in found["shortages"]["shortages"] if each["item_id"] == f"C-{products}"]
    assert short
    today = found["inputs"]["today"]
    assert all(each["start_date"] < today <= each["due_date"] < each["possible_on"] for each in short)
    assert client.delete(f"/api/v1/item-planning/C-{products}").status_code == 204
    assert client.get(f"/api/v1/item-planning/C-{products}").status_code == 404


def test_a_run_that_cannot_be_computed_says_why(client: TestClient, products: str, migrated: RunningPlant) -> None:
    with migrated.rows() as rows:
        rows.execute(UNIT.encode(), [migrated.endpoints["TENANT_ID"], "KG"])
        rows.execute(
            "UPDATE manufacturing_bom_components SET uom = 'KG' WHERE component_item_id = "
            "(SELECT inventory_item_id FROM item_master WHERE item_code = %s)",
            [f"D-{products}"],
        )
    found = ran(client)
    assert (found["status"], found["failure"]) == ("failed", f"There is no conversion from KG to EA for D-{products}.")
