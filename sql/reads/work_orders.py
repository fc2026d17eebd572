"""Work orders as they are asked for: the list with its filters, one order with all that belongs to it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

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
  o.assigned_operator_id, o.materials_status, o.erp_synchronized_at, o.archived_at, o.version,
  o.created_at, o.updated_at
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


def page(cursor: Cursor[Row], wanted: Wanted, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Orders by due date, then id, and the cursor of the next page. Raises BadCursor."""
    conditions, values = _conditions(wanted)
    if after is not None:
        conditions.append("(o.due_date, o.work_order_id) > (%(after_due)s::timestamptz, %(after_id)s)")
        values["after_due"], values["after_id"] = values_of(after, 2)
    where = " AND ".join(conditions) or "true"
    cursor.execute(
        f"SELECT {HEAD} FROM work_orders o WHERE {where} ORDER BY o.due_date, o.work_order_id LIMIT %(limit)s".encode(),
        values | {"limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["due_date"].isoformat(), last["work_order_id"]])


def _conditions(wanted: Wanted) -> tuple[list[str], Row]:
    """The conditions as SQL, and the values they name."""
    possible = {
        "o.status = ANY(%(statuses)s)": wanted.statuses,
        "o.priority = ANY(%(priorities)s)": wanted.priorities,
        "o.current_machine_id = %(machine)s": wanted.machine,
        "o.production_line_preference = %(line)s": wanted.line,
        "o.due_date < %(due_before)s": wanted.due_before,
        "(o.work_order_id ILIKE %(text)s OR o.erp_work_order_id ILIKE %(text)s OR o.work_order_number ILIKE %(text)s"
        " OR o.product_id ILIKE %(text)s OR o.product_name ILIKE %(text)s)": wanted.text,
    }
    conditions = [condition for condition, value in possible.items() if value]
    if wanted.late is not None:
        open_and_due = "o.status NOT IN ('completed', 'cancelled') AND o.due_date < now()"
        conditions.append(open_and_due if wanted.late else f"NOT ({open_and_due})")
    return conditions, {
        "statuses": list(wanted.statuses),
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
    return order | {
        "bill_of_materials": _rows(cursor, BILL, work_order_id),
        "reservations": reservations.of_order(cursor, work_order_id),
        "production_logs": _rows(cursor, LOGS, work_order_id),
        "quality_inspections": _rows(cursor, INSPECTIONS, work_order_id),
        "downtime_events": _rows(cursor, DOWNTIMES, work_order_id),
        "alerts": _rows(cursor, ALERTS, work_order_id),
    }


def _rows(cursor: Cursor[Row], query: str, *values: Any) -> list[Row]:
    cursor.execute(query.encode(), values)
    return cursor.fetchall()


BILL = """
SELECT b.line, b.material_id, b.part_number, b.part_name, trim_scale(b.quantity_required) AS quantity_required,
  b.unit_of_measure, trim_scale(m.available_quantity) AS available_quantity,
  coalesce(m.available_quantity >= b.quantity_required, false) AS is_available
FROM work_order_bom b LEFT JOIN materials m USING (tenant_id, material_id) WHERE b.work_order_id = %s ORDER BY b.line
"""
LOGS = """
SELECT log_id, machine_id, produced_at, received_at, is_late, units, scrapped_units, units_reported, cumulative_units,
  counter_epoch, quality_status, cycle_time_seconds, order_version, event_topic, event_partition, event_offset
FROM production_logs WHERE work_order_id = %s ORDER BY order_version DESC LIMIT 100
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
