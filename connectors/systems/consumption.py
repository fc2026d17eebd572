"""The hourly consumption report to the ERP (002 section 3.2.2), as JSON and as a CSV file."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from connectors.systems.wms_calls import in_words, number

COLUMNS: Final = (
    "report_id",
    "material_id",
    "part_number",
    "erp_work_order_id",
    "mraos_work_order_id",
    "quantity_consumed",
    "unit_of_measure",
    "transaction_count",
    "first_transaction_at",
    "last_transaction_at",
)


def report_id(delivery_id: str, until: datetime) -> str:
    """The constant id of a report, which is also the name of its file."""
    return f"CONS-{in_words(until).replace('-', '').replace(':', '')}-{delivery_id.removeprefix('DLV-')[:8].upper()}"


def lines(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Consumption by material and order."""
    return [
        {
            "material_id": row["material_id"],
            "part_number": row["part_number"],
            "erp_work_order_id": row["erp_work_order_id"],
            "mraos_work_order_id": row["work_order_id"],
            "quantity_consumed": number(row["quantity"]),
            "unit_of_measure": row["unit_of_measure"],
            "transaction_count": row["transactions"],
            "first_transaction_at": in_words(row["first_at"]),
            "last_transaction_at": in_words(row["last_at"]),
        }
        for row in rows
    ]


def as_json(identity: str, until: datetime, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of `POST /api/inventory/material-consumption`."""
    return {"report_id": identity, "period_end": in_words(until), "materials_consumed": lines(rows)}


def as_csv(identity: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The file: a header and a row for each material and order (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({"report_id": identity, **line} for line in lines(rows))
    return text.getvalue()
