"""Confirmed sales orders become production orders, one for each line; said again they change nothing.

Plain SQL on a cursor: whoever reads the topic keeps its offset in the same transaction.
"""

from datetime import datetime
from typing import Any, Final

from schemas.ids import short
from schemas.messages.production import SalesOrderConfirmed, SalesOrderLine
from sql.database import Rows, ensure_tenant
from sql.edited import audits
from sql.edited.base import Conflict
from sql.edited.production import SUBJECT, TOLD, tell
from sql.reads import routings

ACTOR: Final = "sales"
WANTED: Final = ("customer", "product_id", "product_name", "quantity", "unit_of_measure", "priority", "due_date")
"""What a sales order says of a production order."""
AS_TOLD: Final = {
    "routing_id": "routing_id::text",
    "quantity": "trim_scale(quantity)",
    "quantity_completed": "trim_scale(quantity_completed)",
}
ROW: Final = ", ".join(["id::text AS id", *(f"{AS_TOLD.get(name, name)} AS {name}" for name in TOLD)])
KNOWN: Final = f"""
SELECT {ROW}, customer, product_name FROM production_orders
WHERE sales_order_id = %s AND sales_order_line = %s FOR UPDATE
"""
ADD: Final = f"""
INSERT INTO production_orders (tenant_id, production_order_number, sales_order_id, sales_order_line, routing_id,
  created_by, updated_by, created_at, updated_at, {", ".join(WANTED)})
VALUES (%(tenant_id)s, %(number)s, %(sales_order_id)s, %(line)s, %(routing_id)s, %(actor)s, %(actor)s, %(at)s, %(at)s,
  {", ".join(f"%({name})s" for name in WANTED)})
RETURNING {ROW}
"""
CHANGE: Final = f"""
UPDATE production_orders SET {", ".join(f"{name} = %({name})s" for name in WANTED)}, version = version + 1,
  updated_at = %(at)s, updated_by = %(actor)s
WHERE id = %(id)s
"""


def take(rows: Rows, tenant_id: str, told: SalesOrderConfirmed, at: datetime) -> int:
    """How many production orders are new or changed.

    Raises Conflict where a line was changed that has runs already: nothing is taken then, and a person decides.
    """
    rows.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 17))", [f"{tenant_id}/{told.sales_order_id}"])
    ensure_tenant(rows, tenant_id)
    return sum(_take(rows, tenant_id, told, line, at) for line in told.lines)


def _take(rows: Rows, tenant_id: str, told: SalesOrderConfirmed, line: SalesOrderLine, at: datetime) -> bool:
    wanted = {name: getattr(told if name == "customer" else line, name) for name in WANTED}
    rows.execute(KNOWN.encode(), [told.sales_order_id, line.line_number])
    known = rows.fetchone()
    if known is None:
        _add(rows, tenant_id, told.sales_order_id, line, wanted, at)
        return True
    changed = {name: value for name, value in wanted.items() if known[name] != value}
    if not changed:
        return False
    if known["status"] != "planned":
        raise Conflict(
            f"Line {line.line_number} of {told.sales_order_id} was changed, but {known['production_order_number']} is "
            f"{known['status']} already."
        )
    rows.execute(CHANGE.encode(), wanted | {"id": known["id"], "at": at, "actor": ACTOR})
    version = known["version"] + 1
    changes = {name: {"before": known[name], "after": value} for name, value in changed.items()}
    audits.keep(rows, tenant_id, (SUBJECT, known["id"], version), "updated", ACTOR, changes)
    tell(rows, tenant_id, known | wanted | {"version": version}, ACTOR, at)
    return True


def _add(
    rows: Rows, tenant_id: str, sales_order_id: str, line: SalesOrderLine, wanted: dict[str, Any], at: datetime
) -> None:
    number = short(f"PO-{sales_order_id}-{line.line_number}")
    routing_id = routings.for_product(rows, line.product_id, None)
    told = {
        "tenant_id": tenant_id,
        "number": number,
        "sales_order_id": sales_order_id,
        "line": line.line_number,
        "routing_id": routing_id,
        "actor": ACTOR,
        "at": at,
    }
    rows.execute(ADD.encode(), told | wanted)
    made = rows.fetchone()
    assert made is not None
    changes = {name: {"before": None, "after": value} for name, value in wanted.items()}
    audits.keep(rows, tenant_id, (SUBJECT, made["id"], 1), "created", ACTOR, changes)
    tell(rows, tenant_id, made, ACTOR, at)
