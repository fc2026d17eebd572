"""Work orders as they are asked for: the list with its filters, one order with all that belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

from sql import work_order_people
from sql.reads import reservations
from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
  o.work_order_id, o.erp_work_order_id, o.work_order_number, o.product_id, o.product_name, o.product_variant,
  trim_scale(o.quantity_ordered) AS quantity_ordered, trim_scale(o.quantity_produced) AS quantity_produced,
  trim_scale(o.quantity_scrapped) AS quantity_scrapped, trim_scale(o.quantity_good) AS quantity_good,
  o.progress_percentage::float AS progress_percentage, o.unit_of_measure, o.status, o.priority, o.due_date,
  o.status NOT IN ('completed', 'cancelled') AND o.due_date < now() AS is_late,
  o.customer_order_id, o.production_line_preference, o.special_instructions, o.actual_start_at, o.actual_end_at,
  o.is_interrupted, o.inspection_count, o.defect_count, o.current_machine_id, o.assigned_machine_id,
  o.assigned_operator_id, o.materials_status, o.origin, o.bom_id, o.bom_revision,
  o.erp_synchronized_at, o.archived_at, o.version, o.created_at, o.updated_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which orders are wanted; what is None does not matter."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    machine: str | None = None
    line: str | None = None
    late: bool | None = None
    due_before: datetime | None = None
    text: str | None = None


OPEN = ("received", "released", "assigned", "in_progress", "on_hold")
PAGE = f"""
SELECT {HEAD} FROM work_orders o WHERE {{where}} ORDER BY o.due_date, o.work_order_id LIMIT %(limit)s
"""
# Each status has its orders by due date in an index; for several of them together Postgres would read every older
# order. An arm for each lets it know how many orders stand there, too.
ARM = """
(SELECT * FROM work_orders o WHERE o.status = %({status})s AND {where}
 ORDER BY o.due_date, o.work_order_id LIMIT %(limit)s)
"""


def page(cursor: Cursor[Row], wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Orders by due date, then id, and the cursor of the next page. Raises BadCursor.

    The plan depends on the values (how many orders hold a text), so it is made anew each time.
    """
    conditions, values = _conditions(wanted)
    statuses = _statuses(wanted)
    if after is not None:
        conditions.append("(o.due_date, o.work_order_id) > (%(after_due)s::timestamptz, %(after_id)s)")
        values["after_due"], values["after_id"] = values_of(after, 2)
    where = " AND ".join(conditions) or "true"
    query = PAGE.format(where=where) if statuses is None else _by_status(statuses, where)
    named = {f"status_{number}": status for number, status in enumerate(statuses or ())}
    cursor.execute(query.encode(), values | named | {"limit": limit + 1}, prepare=False)
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["due_date"].isoformat(), last["work_order_id"]])


def _by_status(statuses: Sequence[str], where: str) -> str:
    """The query of orders that have one of these statuses; none of them: no order."""
    arms = [ARM.format(status=f"status_{number}", where=where) for number in range(len(statuses))]
    arms = arms or ["(SELECT * FROM work_orders WHERE false)"]
    return f"SELECT {HEAD} FROM ({' UNION ALL '.join(arms)}) AS o ORDER BY o.due_date, o.work_order_id LIMIT %(limit)s"


def _statuses(wanted: Wanted) -> list[str] | None:
    """The statuses that orders may have; None: any. What is late is open."""
    if wanted.late:
        return [each for each in OPEN if each in wanted.statuses or not wanted.statuses]
    return list(dict.fromkeys(wanted.statuses)) or None


def _conditions(wanted: Wanted) -> tuple[list[str], Row]:
    """The conditions but for the status as SQL, and the values they name."""
    possible = {
        "o.priority = ANY(%(priorities)s)": wanted.priorities,
        "o.current_machine_id = %(machine)s": wanted.machine,
        "o.production_line_preference = %(line)s": wanted.line,
        "o.due_date < %(due_before)s": wanted.due_before,
        "(o.work_order_id ILIKE %(text)s OR o.erp_work_order_id ILIKE %(text)s OR o.work_order_number ILIKE %(text)s"
        " OR o.product_id ILIKE %(text)s OR o.product_name ILIKE %(text)s)": wanted.text,
    }
    conditions = [condition for condition, value in possible.items() if value]
    if wanted.late is not None:
        late = "o.due_date < now()"
        conditions.append(late if wanted.late else f"NOT (o.status NOT IN ('completed', 'cancelled') AND {late})")
    return conditions, {
        "priorities": list(wanted.priorities),
        "machine": wanted.machine,
        "line": wanted.line,
        "due_before": wanted.due_before,
        "text": pattern_of(wanted.text) if wanted.text else None,
    }


def head(cursor: Cursor[Row], work_order_id: str) -> Row | None:
    """One order as it stands, or None."""
    cursor.execute(f"SELECT {HEAD} FROM work_orders o WHERE o.work_order_id = %s".encode(), [work_order_id])
    return cursor.fetchone()


def detail(cursor: Cursor[Row], work_order_id: str) -> Row | None:
    """One order with its bill of materials, what is reserved of it, its latest logs, inspections and downtimes."""
    order = head(cursor, work_order_id)
    if order is None:
        return None
    return (
        order
        | {
            "bill_of_materials": _rows(cursor, BILL, work_order_id),
            "reservations": reservations.of_order(cursor, work_order_id),
            "production_logs": _rows(cursor, LOGS, work_order_id),
            "quality_inspections": _rows(cursor, INSPECTIONS, work_order_id),
            "downtime_events": _rows(cursor, DOWNTIMES, work_order_id),
            "alerts": _rows(cursor, ALERTS, work_order_id),
            "notes": work_order_people.notes(cursor, work_order_id),
            "tasks": work_order_people.tasks(cursor, work_order_id),
        }
        | _enriched(cursor, order)
    )


def _enriched(cursor: Cursor[Row], order: Row) -> Row:
    """What other tables know of an order: its product, its bill, its tasks, who asked what of it."""
    order_id = order["work_order_id"]
    cursor.execute(AVAILABLE, {"id": order_id})
    available = cursor.fetchone()
    return {
        "product": next(iter(_rows(cursor, PRODUCT, order["product_id"])), None),
        "bom": next(iter(_rows(cursor, BOM, order["bom_id"])), None),
        "are_components_available": bool(available and available["are_available"]),
        "task_state": _rows(cursor, TASK_STATE, order_id)[0],
        "audit": [
            {name: each[name] for name in ("at", "event", "verb", "said_by", "reason", "status", "version")}
            for each in work_order_people.history(cursor, order_id, 50)
        ],
    }


def readings_since(cursor: Cursor[Row], work_order_id: str, moment: datetime) -> list[Row]:
    """An order's counter readings after a moment: when, and units not counted before."""
    return _rows(cursor, PACE, work_order_id, moment)


def _rows(cursor: Cursor[Row], query: str, *values: Any) -> list[Row]:
    cursor.execute(query.encode(), values)
    return cursor.fetchall()


BILL = """
SELECT b.line, b.material_id, b.part_number, b.part_name, trim_scale(b.quantity_required) AS quantity_required,
  b.unit_of_measure, trim_scale(m.available_quantity) AS available_quantity,
  trim_scale(held.reserved_quantity) AS reserved_quantity, trim_scale(held.consumed_quantity) AS consumed_quantity,
  coalesce(m.available_quantity + held.reserved_quantity + held.consumed_quantity >= held.quantity_required, false)
    AS is_available
FROM work_order_bom b LEFT JOIN materials m USING (tenant_id, material_id)
LEFT JOIN work_order_materials held USING (tenant_id, work_order_id, material_id)
WHERE b.work_order_id = %s ORDER BY b.line
"""
AVAILABLE = """
SELECT coalesce(bool_and(coalesce(
  m.available_quantity + n.reserved_quantity + n.consumed_quantity >= n.quantity_required, false)), true)
  AS are_available
FROM work_order_materials n LEFT JOIN materials m USING (tenant_id, material_id) WHERE n.work_order_id = %(id)s
"""
PRODUCT = """
SELECT i.inventory_item_id AS item_id, p.id::text AS product_id, coalesce(p.name, i.description) AS name, i.uom AS unit
FROM item_master i LEFT JOIN products p USING (tenant_id, inventory_item_id) WHERE i.item_code = %s
"""
BOM = """
SELECT id::text AS bom_id, bom_number, revision, lifecycle_status, version, deleted_at IS NOT NULL AS is_deleted
FROM manufacturing_boms WHERE id::text = %s
"""
TASK_STATE = """
SELECT count(*) FILTER (WHERE status = 'open') AS open, count(*) FILTER (WHERE status = 'done') AS done,
  count(*) FILTER (WHERE status = 'open' AND due_at < now()) AS overdue,
  trim_scale(sum(estimated_hours)) AS estimated_hours, trim_scale(sum(actual_hours)) AS actual_hours
FROM work_order_tasks WHERE work_order_id = %s
"""
LOGS = """
SELECT log_id, machine_id, produced_at, received_at, is_late, units, scrapped_units, units_reported, cumulative_units,
  counter_epoch, quality_status, cycle_time_seconds, order_version, event_topic, event_partition, event_offset
FROM production_logs WHERE work_order_id = %s ORDER BY order_version DESC LIMIT 100
"""
PACE = """
SELECT produced_at AS at, units, scrapped_units FROM production_logs
WHERE work_order_id = %s AND produced_at > %s ORDER BY produced_at
"""
INSPECTIONS = """
SELECT inspection_id, machine_id, inspected_at, inspection_type, result, defect_detected, defect_type, inspector
FROM quality_inspections WHERE work_order_id = %s ORDER BY inspected_at DESC LIMIT 100
"""
DOWNTIMES = """
SELECT downtime_id, machine_id, downtime_reason_code, downtime_reason_description, severity, started_at, ended_at,
  duration_seconds FROM downtime_events WHERE work_order_affected = %s ORDER BY started_at DESC LIMIT 100
"""
ALERTS = """
SELECT alert_id, kind, severity, message, raised_at, acknowledged_at FROM alerts
WHERE entity_type = 'work_order' AND entity_id = %s ORDER BY raised_at DESC LIMIT 100
"""


def claim(cursor: Cursor[Row], tenant_id: str, erp_work_order_id: str, work_order_id: str) -> str | None:
    """Take an ERP id; the id of the order that has it already, if one has. Waits for whoever is taking it now."""
    cursor.execute(
        "INSERT INTO ops.work_order_keys (tenant_id, erp_work_order_id, work_order_id) VALUES (%s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        [tenant_id, erp_work_order_id, work_order_id],
    )
    if cursor.rowcount:
        return None
    return known(cursor, erp_work_order_id)


def known(cursor: Cursor[Row], erp_work_order_id: str) -> str | None:
    """Our id of an ERP order, if it was ever accepted."""
    cursor.execute("SELECT work_order_id FROM ops.work_order_keys WHERE erp_work_order_id = %s", [erp_work_order_id])
    row = cursor.fetchone()
    return None if row is None else str(row["work_order_id"])


def is_known(cursor: Cursor[Row], work_order_id: str) -> bool:
    """Whether an order of ours was ever accepted, projected or not."""
    cursor.execute(
        "SELECT 1 FROM work_orders WHERE work_order_id = %(id)s "
        "UNION ALL SELECT 1 FROM ops.work_order_keys WHERE work_order_id = %(id)s LIMIT 1",
        {"id": work_order_id},
    )
    return cursor.fetchone() is not None


def counts(cursor: Cursor[Row]) -> dict[str, int]:
    """How many orders stand where."""
    cursor.execute("SELECT status, count(*) AS orders FROM work_orders GROUP BY status")
    return {row["status"]: row["orders"] for row in cursor.fetchall()}


def requirements(cursor: Cursor[Row], lines: list[dict[str, Any]]) -> list[Row]:
    """For each material named: whether it is known and active, and what is available against what is required."""
    cursor.execute(
        """
        SELECT told.material_id, told.part_number, told.required, m.available_quantity, m.is_active,
          m.material_id IS NOT NULL OR k.material_id IS NOT NULL AS is_known
        FROM jsonb_to_recordset(%s) AS told(line int, material_id text, part_number text, required numeric)
        LEFT JOIN materials m ON m.material_id = told.material_id
        LEFT JOIN ops.material_keys k ON k.material_id = told.material_id
        ORDER BY told.line
        """,
        [Jsonb(lines)],
    )
    return cursor.fetchall()
