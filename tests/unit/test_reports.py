"""The completion report and the start signal are those of document 002, field by field."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from connectors.systems import reports
from schemas.codec import encode

ORDER: dict[str, Any] = {
    "work_order_id": "WO-4600",
    "erp_work_order_id": "WO-ERP-452100",
    "product_id": "PROD-WD-100",
    "product_name": "Washer Door Assembly",
    "quantity_ordered": Decimal(200),
    "quantity_produced": Decimal(200),
    "quantity_scrapped": Decimal(3),
    "quantity_good": Decimal(197),
    "actual_start_at": datetime(2025, 11, 18, 14, 30, tzinfo=UTC),
    "actual_end_at": datetime(2025, 11, 18, 15, 45, tzinfo=UTC),
    "defect_count": 3,
    "current_machine_id": "M-203",
    "assigned_machine_id": "M-203",
    "assigned_operator_id": "O-2024-0156",
}
COUNTED = [
    {
        "machine_id": "M-203",
        "first_at": datetime(2025, 11, 18, 14, 31, tzinfo=UTC),
        "last_at": datetime(2025, 11, 18, 15, 44, tzinfo=UTC),
    }
]
USED = [{"material_id": "MAT-A-1234", "part_number": "A-1234", "quantity": Decimal(405), "unit_of_measure": "EA"}]


def told(**changes: Any) -> dict[str, Any]:
    """The report as it goes out."""
    body = reports.completion(ORDER | changes, COUNTED, USED, ["cosmetic damage"], True)
    document: dict[str, Any] = msgspec.json.decode(encode(body))
    return document


def test_the_completion_report_is_the_documents() -> None:
    assert told() == {
        "erp_work_order_id": "WO-ERP-452100",
        "mraos_work_order_id": "WO-4600",
        "completion_timestamp": "2025-11-18T15:45:00Z",
        "quantity_produced": 200,
        "quantity_scrapped": 3,
        "quantity_good": 197,
        "actual_start_time": "2025-11-18T14:30:00Z",
        "actual_end_time": "2025-11-18T15:45:00Z",
        "actual_duration_minutes": 75,
        "resources_used": [
            {
                "resource_type": "operator",
                "resource_id": "O-2024-0156",
                "employee_id": "EMP-2024-0156",
                "hours_worked": 1.25,
            },
            {"resource_type": "machine", "resource_id": "M-203", "machine_hours": 1.25},
        ],
        "materials_consumed": [
            {
                "material_id": "MAT-A-1234",
                "part_number": "A-1234",
                "quantity_consumed": 405,
                "unit_of_measure": "EA",
            }
        ],
        "quality_results": {"inspection_passed": True, "defect_count": 3, "defect_types": ["cosmetic damage"]},
    }


def test_two_machines_share_the_hours_by_their_readings() -> None:
    def at(minute: int) -> datetime:
        return datetime(2025, 11, 18, 15, minute, tzinfo=UTC)

    machines = [
        {"machine_id": "M-1", "first_at": at(0), "last_at": at(15)},
        {"machine_id": "M-2", "first_at": at(15), "last_at": at(40)},
    ]
    body = reports.completion(ORDER, machines, USED, [], True)
    assert [each.get("machine_hours") for each in body["resources_used"][1:]] == [0.75, 0.5]


def test_an_order_that_no_machine_counted_for_names_the_one_it_was_given_to() -> None:
    body = reports.completion(ORDER, [], USED, [], True)
    assert body["resources_used"][1] == {"resource_type": "machine", "resource_id": "M-203", "machine_hours": 1.25}


def test_an_order_that_was_given_to_nobody_names_nobody() -> None:
    nobody = ORDER | {"assigned_machine_id": None, "assigned_operator_id": None}
    assert reports.completion(nobody, [], [], [], True)["resources_used"] == []


def test_what_was_used_follows_from_the_bill_where_nobody_reported_it() -> None:
    line = {"material_id": "MAT-A", "part_number": "A", "quantity_required": Decimal(400), "unit_of_measure": "EA"}
    (used,) = reports.backflushed([line], ordered=Decimal(200), produced=Decimal(203))
    assert used["quantity"] == Decimal(406)


def test_the_start_signal_is_the_documents() -> None:
    assert msgspec.json.decode(encode(reports.start_signal(ORDER))) == {
        "work_order_id": "WO-4600",
        "erp_work_order_id": "WO-ERP-452100",
        "machine_id": "M-203",
        "operator_id": "O-2024-0156",
        "start_time": "2025-11-18T14:30:00Z",
        "quantity_to_produce": 200,
        "product_id": "PROD-WD-100",
        "product_name": "Washer Door Assembly",
    }
