"""Machines as they are asked for: the floor, one machine, its history."""

from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

STATE = """
  m.machine_id, m.machine_name, m.line, m.status, m.status_since, m.utilization_percentage,
  m.overall_equipment_effectiveness, m.current_work_order_id, m.current_product_id, m.current_quantity_ordered,
  m.cycle_time_seconds, m.total_units, m.last_seen_at,
  m.version, m.updated_at
"""


# The latest gap that ended within the hour: who looks at the floor should know of it.
GAP = """
  (SELECT jsonb_build_object('from_at', h.from_at, 'to_at', h.to_at, 'reason', h.reason)
   FROM machine_status_history h
   WHERE h.tenant_id = m.tenant_id AND h.machine_id = m.machine_id AND h.status = 'gap'
     AND h.to_at > now() - interval '1 hour' AND h.from_at > now() - interval '2 days'
   ORDER BY h.from_at DESC LIMIT 1) AS gap
"""


def floor(cursor: Cursor[Row]) -> list[Row]:
    """Every machine with the progress of the order it works on and its latest gap, by line."""
    cursor.execute(
        f"SELECT {STATE}, o.progress_percentage::float AS current_progress_percentage, o.product_name, {GAP} "
        "FROM machines m LEFT JOIN work_orders o "
        "ON o.tenant_id = m.tenant_id AND o.work_order_id = m.current_work_order_id "
        "ORDER BY m.line, m.machine_id".encode()
    )
    return cursor.fetchall()


def one(cursor: Cursor[Row], machine_id: str) -> Row | None:
    """One machine as it stands, or None."""
    cursor.execute(f"SELECT {STATE} FROM machines m WHERE m.machine_id = %s".encode(), [machine_id])
    return cursor.fetchone()


def history(cursor: Cursor[Row], machine_id: str, limit: int) -> dict[str, list[Row]]:
    """A machine's changes of status with the gaps among them, and its downtimes, latest first."""
    cursor.execute(
        "SELECT status, previous_status, from_at, to_at, reason, is_restated, recovery, version, event_topic, "
        "event_partition, event_offset FROM machine_status_history WHERE machine_id = %s "
        "ORDER BY from_at DESC, version DESC LIMIT %s",
        [machine_id, limit],
    )
    changes = cursor.fetchall()
    cursor.execute(
        "SELECT downtime_id, downtime_reason_code, downtime_reason_description, severity, started_at, ended_at, "
        "duration_seconds, estimated_repair_time_minutes, work_order_affected "
        "FROM downtime_events WHERE machine_id = %s ORDER BY started_at DESC LIMIT %s",
        [machine_id, limit],
    )
    return {"changes": changes, "downtimes": cursor.fetchall()}
