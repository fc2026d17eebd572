"""What we tell the ERP of a completed order (002 section 3.2.2) and the MES of a started one (section 4.2.2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]


def completion(
    order: Row,
    machines: Sequence[Row],
    consumed: Sequence[Row],
    defect_types: Sequence[str],
    is_passed: bool,
) -> dict[str, Any]:
    """The production completion report, field by field as the document has it."""
    begin, end = order["actual_start_at"] or order["actual_end_at"], order["actual_end_at"]
    return {
        "erp_work_order_id": order["erp_work_order_id"],
        "mraos_work_order_id": order["work_order_id"],
        "completion_timestamp": end,
        "quantity_produced": number(order["quantity_produced"]),
        "quantity_scrapped": number(order["quantity_scrapped"]),
        "quantity_good": number(order["quantity_good"]),
        "actual_start_time": begin,
        "actual_end_time": end,
        "actual_duration_minutes": number(_rounded((end - begin) / timedelta(minutes=1))),
        "resources_used": [*_operators(order, begin, end), *_machines(order, machines, begin, end)],
        "materials_consumed": [
            {
                "material_id": line["material_id"],
                "part_number": line["part_number"] or line["material_id"],
                "quantity_consumed": number(line["quantity"]),
                "unit_of_measure": line["unit_of_measure"],
            }
            for line in consumed
        ],
        "quality_results": {
            "inspection_passed": is_passed,
            "defect_count": order["defect_count"],
            "defect_types": list(defect_types),
        },
    }


def _operators(order: Row, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """The operator the order was given to; for as long as it was made."""
    operator = order["assigned_operator_id"]
    if operator is None:
        return []
    return [
        {
            "resource_type": "operator",
            "resource_id": operator,
            "employee_id": employee_of(operator),
            "hours_worked": _hours(begin, end),
        }
    ]


def _machines(order: Row, machines: Sequence[Row], begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Every machine that counted for the order, from its first reading to its last.

    The first one worked since the order began, the last one until it ended; where none counted, it was the one that
    the order was given to.
    """
    spans = [[row["machine_id"], row["first_at"], row["last_at"]] for row in machines]
    if not spans and order["assigned_machine_id"] is not None:
        spans = [[order["assigned_machine_id"], begin, end]]
    if spans:
        min(spans, key=lambda span: span[1])[1] = begin
        max(spans, key=lambda span: span[2])[2] = end
    return [
        {"resource_type": "machine", "resource_id": machine, "machine_hours": _hours(first, last)}
        for machine, first, last in spans
    ]


def backflushed(bill: Sequence[Row], ordered: Decimal, produced: Decimal) -> list[dict[str, Any]]:
    """What the units made must have used up, by the bill of materials; scrap uses material too."""
    return [{**line, "quantity": _exact(Decimal(line["quantity_required"]) * produced / ordered)} for line in bill]


def start_signal(order: Row) -> dict[str, Any]:
    """The work order start signal, field by field as the document has it."""
    return {
        "work_order_id": order["work_order_id"],
        "erp_work_order_id": order["erp_work_order_id"],
        "machine_id": order["assigned_machine_id"] or order["current_machine_id"],
        "operator_id": order["assigned_operator_id"],
        "start_time": order["actual_start_at"],
        "quantity_to_produce": number(order["quantity_ordered"]),
        "product_id": order["product_id"],
        "product_name": order["product_name"],
    }


def employee_of(operator_id: str) -> str:
    """The HR system's id of an operator."""
    return f"EMP-{operator_id.removeprefix('O-')}"


def number(value: Decimal | float) -> int | float:
    """A quantity as JSON has it: whole where it is whole."""
    return int(value) if value == int(value) else float(value)


def _hours(begin: datetime, end: datetime) -> float:
    return _rounded(max(end - begin, timedelta()) / timedelta(hours=1))


def _rounded(value: float) -> float:
    return round(value, 2)


def _exact(quantity: Decimal) -> Decimal:
    return quantity.quantize(Decimal("0.000001")).normalize()
