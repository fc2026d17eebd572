"""Production orders as they are asked for: the list, one with its runs, what else is planned."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
  o.id::text AS production_order_id, o.production_order_number, o.sales_order_id, o.sales_order_line, o.customer,
  o.product_id, o.product_name, trim_scale(o.quantity) AS quantity,
  trim_scale(o.quantity_completed) AS quantity_completed, o.unit_of_measure, o.priority, o.due_date, o.status,
  o.status NOT IN ('completed', 'cancelled') AND o.due_date < now() AS is_late, o.routing_id::text AS routing_id,
  t.routing_code, t.routing_version, o.material_available_at, s.scheduled_end, o.version, o.created_at,
  coalesce(o.created_by, '') AS created_by, o.updated_at, o.updated_by
"""
FROM = """
FROM production_orders o
LEFT JOIN routing_templates t ON t.tenant_id = o.tenant_id AND t.id = o.routing_id
LEFT JOIN LATERAL (SELECT max(r.scheduled_end) AS scheduled_end FROM production_runs r
  WHERE r.tenant_id = o.tenant_id AND r.production_order_id = o.id) s ON true
"""
# What machines have counted is read where it is kept: a run has it the moment the order has.
RUNS = """
SELECT r.id::text AS run_id, r.production_order_id::text AS production_order_id, r.sequence_number,
  r.predecessors, r.is_concurrent, r.operation_id::text AS operation_id, p.operation_code, p.operation_name,
  trim_scale(r.quantity) AS quantity, r.setup_minutes, r.run_minutes,
  trim_scale(r.transfer_quantity) AS transfer_quantity, r.setup_family, r.work_center_id::text AS work_center_id,
  w.work_center_code, w.work_center_name, w.machine_id, r.alternative_work_center_ids::text[], r.work_instructions,
  r.status, r.setup_start, r.scheduled_start, r.scheduled_end, r.is_frozen, r.schedule_id::text AS schedule_id,
  r.work_order_id, trim_scale(coalesce(o.quantity_good, r.quantity_good)) AS quantity_good,
  trim_scale(coalesce(o.quantity_scrapped, r.quantity_scrapped)) AS quantity_scrapped,
  coalesce(r.actual_start, o.actual_start_at) AS actual_start, coalesce(r.actual_end, o.actual_end_at) AS actual_end,
  r.version
FROM production_runs r
JOIN operations p ON p.id = r.operation_id
JOIN work_centers w ON w.tenant_id = r.tenant_id AND w.id = r.work_center_id
LEFT JOIN work_orders o ON o.tenant_id = r.tenant_id AND o.work_order_id = r.work_order_id
WHERE r.production_order_id = ANY(%s::uuid[]) ORDER BY r.production_order_id, r.sequence_number
"""
PLANNED = """
SELECT r.work_center_id::text AS work_center_id, coalesce(r.setup_start, r.scheduled_start) AS start_at,
  r.setup_minutes + r.run_minutes AS minutes, r.quantity, coalesce(o.quantity_produced, 0) AS quantity_produced
FROM production_runs r
LEFT JOIN work_orders o ON o.tenant_id = r.tenant_id AND o.work_order_id = r.work_order_id
WHERE r.status NOT IN ('completed', 'cancelled') AND r.production_order_id IS DISTINCT FROM %s::uuid
"""


class Wanted(NamedTuple):
    """Which production orders are wanted; what is None does not matter."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    sales_order_id: str | None = None
    product_id: str | None = None
    late: bool | None = None
    due_before: datetime | None = None
    text: str | None = None


class Planned(NamedTuple):
    """Work that is planned at a work centre; `start_at` is absent until it is scheduled."""

    work_center_id: str
    start_at: datetime | None
    minutes: int
    quantity: Decimal
    quantity_produced: Decimal


def page(rows: Cursor[Row], wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Production orders by due date, and the cursor of the next page. Raises BadCursor."""
    possible = {
        "o.status = ANY(%(statuses)s)": wanted.statuses,
        "o.priority = ANY(%(priorities)s)": wanted.priorities,
        "o.sales_order_id = %(sales_order_id)s": wanted.sales_order_id,
        "o.product_id = %(product_id)s": wanted.product_id,
        "o.due_date < %(due_before)s": wanted.due_before,
        "(o.production_order_number ILIKE %(text)s OR o.sales_order_id ILIKE %(text)s OR o.customer ILIKE %(text)s"
        " OR o.product_id ILIKE %(text)s OR o.product_name ILIKE %(text)s)": wanted.text,
    }
    conditions = ["o.deleted_at IS NULL", *(condition for condition, value in possible.items() if value)]
    values: Row = wanted._asdict() | {
        "statuses": list(wanted.statuses),
        "priorities": list(wanted.priorities),
        "text": pattern_of(wanted.text) if wanted.text else None,
        "limit": limit + 1,
    }
    if wanted.late is not None:
        open_and_due = "(o.status NOT IN ('completed', 'cancelled') AND o.due_date < now())"
        conditions.append(open_and_due if wanted.late else f"NOT {open_and_due}")
    if after is not None:
        conditions.append("(o.due_date, o.id) > (%(after_due)s::timestamptz, %(after_id)s::uuid)")
        values["after_due"], values["after_id"] = values_of(after, 2)
    where = " AND ".join(conditions)
    rows.execute(f"SELECT {HEAD} {FROM} WHERE {where} ORDER BY o.due_date, o.id LIMIT %(limit)s".encode(), values)
    found = rows.fetchall()
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor_of([last["due_date"].isoformat(), last["production_order_id"]])


def one(rows: Cursor[Row], identity: str) -> Row | None:
    """A production order with its runs."""
    rows.execute(f"SELECT {HEAD} {FROM} WHERE o.id = %s AND o.deleted_at IS NULL".encode(), [identity])
    head = rows.fetchone()
    return head and head | {"runs": runs(rows, [identity])}


def of_sales_orders(rows: Cursor[Row], sales_order_ids: Sequence[str]) -> list[Row]:
    """The production orders of some sales orders, by order and line."""
    rows.execute(
        f"SELECT {HEAD} {FROM} WHERE o.sales_order_id = ANY(%s) AND o.deleted_at IS NULL "
        "ORDER BY o.sales_order_id, o.sales_order_line".encode(),
        [list(sales_order_ids)],
    )
    return rows.fetchall()


def runs(rows: Cursor[Row], orders: Sequence[str]) -> list[Row]:
    """The runs of production orders, by order and sequence, with what was counted for them."""
    rows.execute(RUNS.encode(), [list(orders)])
    return rows.fetchall()


def planned(rows: Cursor[Row], besides: str | None = None) -> list[Planned]:
    """All work that is planned and not done, besides that of one production order."""
    rows.execute(PLANNED.encode(), [besides])
    return [Planned(**row) for row in rows.fetchall()]


def by_work_order(rows: Cursor[Row], work_order_id: str) -> Row | None:
    """The run that a work order was released from, with its production order."""
    rows.execute(
        "SELECT id::text AS run_id, production_order_id::text AS production_order_id FROM production_runs "
        "WHERE work_order_id = %s",
        [work_order_id],
    )
    return rows.fetchone()
