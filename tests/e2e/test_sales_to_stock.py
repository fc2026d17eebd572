"""From a sales order to stock transactions, through every real process (004 section 5.3)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from confluent_kafka import Producer

from streams.kafka.producer import producer_config
from tests.e2e.load import count_message, say
from tests.gateways import MATERIALS, STOCK, erp, material, operator
from tests.plants import RunningPlant, eventually

pytestmark = pytest.mark.services

NAME = uuid4().hex[:8].upper()
MACHINES = ("M-207", "M-208")
WANTED = 5
SHEETS_EACH = 2


def made(client: httpx2.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code in (200, 201, 202), answer.text
    told: dict[str, Any] = answer.json()
    return told


def until(client: httpx2.Client, path: str, seconds: float = 30, **wanted: Any) -> dict[str, Any]:
    """What the API tells, as soon as it has these values."""

    def look() -> list[dict[str, Any]]:
        told = client.get(f"/api/v1/{path}").json()
        return [told] if all(told.get(name) == value for name, value in wanted.items()) else []

    (found,) = eventually(look, seconds, f"{path} did not become {wanted}")
    return found


def stocked(plant: RunningPlant, sheet: str) -> None:
    """The warehouse has a hundred sheets."""
    with erp(plant) as system:
        assert system.post(MATERIALS, json={"materials": [material(sheet)]}).status_code == 200
        stock = {"material_id": sheet, "on_hand_quantity": 100}
        assert system.post(STOCK, json={"materials": [stock]}).json()["accepted"] == 1
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 100", sheet)


def shop(client: httpx2.Client, product: str) -> None:
    """Two work centres, one open all day, and the routing over both; of ten that are pressed nine are good."""
    calendar = made(
        client,
        "calendars",
        calendar_code=f"ALWAYS-{NAME}",
        calendar_name="Day and night",
        definition={
            "zone": "UTC",
            "shifts": [{"name": "all day", "weekdays": [1, 2, 3, 4, 5, 6, 7], "begins": "00:00", "ends": "00:00"}],
        },
    )
    centers = [
        made(
            client,
            "work-centers",
            work_center_code=f"{machine}-{NAME}",
            work_center_name=f"Press {machine}",
            machine_id=machine,
            calendar_id=calendar["id"],
        )["id"]
        for machine in MACHINES
    ]
    operations = {
        each["operation_code"]: each["id"] for each in client.get("/api/v1/operations?limit=500").json()["operations"]
    }
    made(
        client,
        "routings",
        routing_code=f"R-{NAME}",
        routing_name="Pressed and packed",
        product_id=product,
        operations=[
            {
                "sequence_number": 10,
                "operation_id": operations["PRESSING"],
                "work_center_id": centers[0],
                "setup_time_minutes": 5,
                "run_time_per_unit_seconds": 30,
                "yield_percentage": 90,
            },
            {
                "sequence_number": 20,
                "operation_id": operations["PACKAGING"],
                "work_center_id": centers[1],
                "run_time_per_unit_seconds": 20,
            },
        ],
    )


def sold(plant: RunningPlant, product: str) -> str:
    """Sales confirms an order, and says so twice."""
    sales_order = f"SO-{NAME}"
    event = {
        "event_type": "sales.order.confirmed",
        "timestamp": datetime.now(UTC).isoformat(),
        "sales_order": {
            "sales_order_id": sales_order,
            "customer": "Larsen Appliances",
            "priority": "high",
            "due_date": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
            "lines": [{"product_id": product, "quantity": WANTED}],
        },
    }
    producer = Producer(producer_config(plant.settings()))
    for _ in range(2):
        producer.produce("sales-orders", json.dumps(event).encode(), sales_order.encode())
    assert producer.flush(20) == 0
    return sales_order


@pytest.mark.timeout(240)
def test_a_sales_order_is_made_and_taken_from_stock(plant: RunningPlant) -> None:
    product, sheet = f"PROD-{NAME}", f"SHEET-{NAME}"
    begun_at = datetime.now(UTC)
    stocked(plant, sheet)
    with operator(plant) as client:
        shop(client, product)
        eventually(
            lambda: client.get(f"/api/v1/materials/{sheet}").status_code == 200, 20, "the sheet is not known yet"
        )
        bill = made(
            client,
            "boms",
            product_id=product,
            product_name="Door, pressed",
            components=[{"item_code": sheet, "quantity": SHEETS_EACH}],
        )
        assert bill["lifecycle_status"] == "active"

        # 1, 2: the sales order becomes one production order, however often it is said; 3: with the product's routing.
        sales_order = sold(plant, product)
        plant.await_rows("SELECT 1 FROM production_orders WHERE sales_order_id = %s", sales_order)
        (order,) = client.get(f"/api/v1/production-orders?sales_order_id={sales_order}").json()["production_orders"]
        at = f"production-orders/{order['production_order_id']}"
        assert (order["quantity"], order["priority"], order["routing_code"]) == (WANTED, "high", f"R-{NAME}")
        needs = client.get(f"/api/v1/{at}/material-requirements").json()["materialRequirements"]
        assert [(each["materialId"], each["requiredQuantity"], each["shortfallQuantity"]) for each in needs] == [
            (sheet, WANTED * SHEETS_EACH, 0)
        ]

        # 4: the routing becomes runs; of six that are pressed five are packed.
        runs = made(client, f"{at}/expand")["runs"]
        assert [(run["sequence_number"], run["quantity"]) for run in runs] == [(10, 6), (20, 5)]
        assert client.get(f"/api/v1/{at}/capacity").json()["isFeasible"] is True

        # 5: the planner finds a schedule, and somebody accepts it.
        schedule = made(client, "schedules", seconds=1, seed=7)["id"]
        until(client, f"schedules/{schedule}", 60, status="proposed")
        made(client, f"schedules/{schedule}/accept")
        pressing, packing = client.get(f"/api/v1/{at}").json()["runs"]
        assert pressing["scheduled_end"] <= packing["scheduled_start"] < packing["scheduled_end"]
        assert (pressing["status"], pressing["schedule_id"]) == ("scheduled", schedule)

        # 6: machines count for the work orders that the runs become.
        first, second = made(client, f"{at}/release")["work_order_ids"]
        for each in (first, second):
            plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s AND status = 'assigned'", each)
        say(
            plant.endpoints,
            *(count_message(MACHINES[0], first, n, quality_status="fail" if n == 3 else "pass") for n in range(1, 7)),
        )
        made_by = client.get(f"/api/v1/work-orders/{first}").json()["bom_revision"]
        assert made_by == bill["revision"], "the order keeps the revision that it was released with"
        until(client, at, status="in_progress")
        say(plant.endpoints, *(count_message(MACHINES[1], second, n) for n in range(1, WANTED + 1)))

        # 7: both runs are done, with what they made.
        done = until(client, at, status="completed")
        assert done["quantity_completed"] == WANTED
        assert [(run["status"], run["quantity_good"], run["quantity_scrapped"]) for run in done["runs"]] == [
            ("completed", 5, 1),
            ("completed", 5, 0),
        ]

        # 8: OEE is of exactly those units, now and in the table that is kept current.
        window = {"from": begun_at.isoformat(), "to": datetime.now(UTC).isoformat()}
        seen = client.get(f"/api/v1/machines/{MACHINES[0]}/oee", params=window).json()
        ((units, scrap, others),) = plant.await_rows(
            "SELECT sum(units), sum(scrapped_units), sum(units) FILTER (WHERE work_order_id <> %s) "
            "FROM production_logs WHERE machine_id = %s AND produced_at > %s AND produced_at <= %s",
            first,
            MACHINES[0],
            window["from"],
            window["to"],
        )
        assert (seen["units"], seen["scrapped_units"]) == (units, scrap)
        assert units - (others or 0) == 6, "other suites may count on this machine, too"
        assert made(client, "jobs/oee/run", reason="the day is looked at") is not None
        plant.await_rows(
            "SELECT 1 FROM oee_calculations WHERE level = 'machine' AND subject_id = %s AND to_at > %s "
            "AND (inputs->>'units')::int >= 6",
            MACHINES[0],
            begun_at,
            seconds=30,
        )

    # 9: the sheets of what was made are gone from stock, once.
    ((used,),) = plant.await_rows(
        "SELECT sum(quantity) FROM material_transactions WHERE material_id = %s AND work_order_id = %s "
        "HAVING sum(quantity) IS NOT NULL",
        sheet,
        first,
    )
    assert abs(int(used)) == WANTED * SHEETS_EACH
    plant.await_rows("SELECT 1 FROM materials WHERE material_id = %s AND on_hand_quantity = 90", sheet)
