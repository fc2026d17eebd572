"""What a production order needs of each material: by the bills that hold today, beside what is available."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.database import Rows
from connectors.gateway import structures
from connectors.gateway.problems import Problem
from connectors.gateway.structures import Built
from schemas.settings import Settings
from sql.reads import boms
from streams.domain.bom import totals


def of_order(rows: Rows, order: Mapping[str, Any], settings: Settings) -> list[dict[str, Any]]:
    """Every item over all levels, what is available of it and what is missing. Raises Problem 409 without a bill."""
    built = _built(rows, order["product_id"], settings)
    if built is None:
        raise Problem(409, f"No bill of materials of {order['product_id']} holds today.")
    found = []
    quantity = order["quantity"] - order["quantity_completed"]
    if quantity <= 0:
        return []
    wanted_at = min([order["due_date"], *(run["scheduled_start"] or order["due_date"] for run in order["runs"])])
    for each in totals(built.structure, {order["product_id"]: quantity}):
        stock = built.items[each.item_id]["available_quantity"]
        available = max(Decimal(0), stock or Decimal(0))
        missing = max(Decimal(0), each.quantity - available)
        found.append(
            {
                "material_id": each.item_id,
                "material_name": built.name(each.item_id),
                "unit_of_measure": each.unit,
                "required_quantity": each.quantity,
                "available_quantity": available,
                "shortfall_quantity": missing,
                "required_date": wanted_at,
                "is_known": stock is not None,
            }
        )
    return found


def _built(rows: Rows, product_id: str, settings: Settings) -> Built | None:
    day = datetime.now(ZoneInfo(settings.plant_timezone)).date()
    item = boms.items(rows, [product_id]).get(product_id)
    if item is None:
        return None
    bills = [structures.bill_of(row) for row in boms.below(rows, [item["item_id"]], day)]
    return structures.built(rows, bills, day) if any(bill.product_id == product_id for bill in bills) else None
