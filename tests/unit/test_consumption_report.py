"""The hourly consumption report, as JSON and as a file."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.systems import consumption

UNTIL = datetime(2025, 11, 18, 9, 0, tzinfo=UTC)


def _row(material: str = "MAT-A-1234", **fields: Any) -> dict[str, Any]:
    return {
        "material_id": material,
        "part_number": "A-1234",
        "erp_work_order_id": "WO-ERP-452100",
        "work_order_id": "WO-4600",
        "quantity": Decimal("405.500000"),
        "unit_of_measure": "EA",
        "transactions": 2,
        "first_at": datetime(2025, 11, 18, 8, 5, tzinfo=UTC),
        "last_at": datetime(2025, 11, 18, 8, 45, 30, tzinfo=UTC),
    } | fields


def test_a_line_for_each_material_and_order() -> None:
    body = consumption.as_json("CONS-1", UNTIL, [_row()])
    assert body == {
        "report_id": "CONS-1",
        "period_end": "2025-11-18T09:00:00Z",
        "materials_consumed": [
            {
                "material_id": "MAT-A-1234",
                "part_number": "A-1234",
                "erp_work_order_id": "WO-ERP-452100",
                "mraos_work_order_id": "WO-4600",
                "quantity_consumed": 405.5,
                "unit_of_measure": "EA",
                "transaction_count": 2,
                "first_transaction_at": "2025-11-18T08:05:00Z",
                "last_transaction_at": "2025-11-18T08:45:30Z",
            }
        ],
    }


def test_the_file_says_the_same_whatever_stands_in_the_names() -> None:
    text = consumption.as_csv("CONS-1", [_row('M,"A"\n1'), _row("MAT-2", quantity=Decimal(3))])
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [line["material_id"] for line in lines] == ['M,"A"\n1', "MAT-2"]
    assert [line["quantity_consumed"] for line in lines] == ["405.5", "3"]
    assert {line["report_id"] for line in lines} == {"CONS-1"}


def test_the_id_is_constant_for_a_delivery_and_fit_for_a_file_name() -> None:
    identity = consumption.report_id("DLV-0123456789abcdef", UNTIL)
    assert identity == consumption.report_id("DLV-0123456789abcdef", UNTIL) == "CONS-20251118T090000Z-01234567"
    assert identity != consumption.report_id("DLV-fedcba9876543210", UNTIL)
