"""Calls of the simulated ERP, warehouse and MES, as the documents write them."""

from typing import Any

import httpx2

from tests.systems import CLIENT, SECRET

COMPLETION = "/erp/api/production/work-order-completion"
START = "/mes/api/v1/work-orders/start"
RESERVATIONS = "/wms/api/v1/reservations"
CONSUMPTION = "/wms/api/v1/transactions/consumption"


def token(client: httpx2.Client, **form: str) -> dict[str, Any]:
    """A token for everything unless the form says otherwise, as the token server tells it."""
    told = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET} | form
    answer = client.post("/oauth/token", data=told)
    return dict(answer.raise_for_status().json())


def post(client: httpx2.Client, path: str, body: Any, key: str, **options: Any) -> httpx2.Response:
    """Post what acts once under this key, however often it is posted."""
    return client.post(path, json=body, headers={"Idempotency-Key": key}, **options)


def completion(**changes: Any) -> dict[str, Any]:
    """The completion report of 002 section 3.2.2."""
    return {
        "erp_work_order_id": "WO-ERP-452100",
        "mraos_work_order_id": "WO-4600",
        "completion_timestamp": "2025-11-18T15:45:30Z",
        "quantity_produced": 200,
        "quantity_scrapped": 3,
        "quantity_good": 197,
        "actual_start_time": "2025-11-18T14:30:00Z",
        "actual_end_time": "2025-11-18T15:45:30Z",
        "actual_duration_minutes": 75,
        "resources_used": [
            {
                "resource_type": "operator",
                "resource_id": "O-156",
                "employee_id": "EMP-2024-0156",
                "hours_worked": 1.25,
            },
            {"resource_type": "machine", "resource_id": "M-203", "machine_hours": 1.25},
        ],
        "materials_consumed": [
            {"material_id": "MAT-A-1234", "part_number": "A-1234", "quantity_consumed": 405, "unit_of_measure": "EA"}
        ],
        "quality_results": {"inspection_passed": True, "defect_count": 3, "defect_types": ["cosmetic damage"]},
    } | changes


def reservation(name: str, material_id: str, quantity: float) -> dict[str, Any]:
    """The reservation request of 002 section 6.2.2."""
    wanted = {
        "material_id": material_id,
        "part_number": "A-1234",
        "quantity": quantity,
        "unit_of_measure": "EA",
        "prefer_batch": "FEFO",
    }
    return {
        "reservation_id": name,
        "work_order_id": f"WO-{name}",
        "reserved_by": "MRAOS_System",
        "reservation_date": "2025-11-18T14:30:00Z",
        "expected_consumption_date": "2025-11-18T15:30:00Z",
        "materials": [wanted],
    }


def shelf(material_id: str, *batches: tuple[str, float, str]) -> dict[str, Any]:
    """A row of the warehouse's stock, in batches that expire."""
    on_hand = sum(quantity for _, quantity, _ in batches)
    return {
        "material_id": material_id,
        "part_number": "A-1234",
        "warehouse": "Plant1-WH",
        "location": "Aisle 12, Bin 3A",
        "on_hand_quantity": on_hand,
        "allocated_quantity": 0,
        "available_quantity": on_hand,
        "unit_of_measure": "EA",
        "batch_details": [
            {"batch_number": name, "quantity": quantity, "expiration_date": expiry}
            for name, quantity, expiry in batches
        ],
        "last_updated": "2025-11-18T14:20:00Z",
    }
