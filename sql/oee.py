"""OEE of shifts and days: what has changed since it was computed, and its rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor
from psycopg.types.json import Jsonb

Row = dict[str, Any]
Span = tuple[datetime, datetime]

# Whoever computes does so alone; the lock ends with the transaction.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('oee ' || current_setting('app.current_tenant_id'), 0))"
# What a transaction that still runs will have recorded is not older than its beginning. Those of other roles are not
# shown to us: the last step of a rebuild takes seconds.
RECORDED_UNTIL = """
SELECT least(clock_timestamp(), min(xact_start)) - interval '30 seconds' AS recorded_until
FROM pg_stat_activity WHERE datname = current_database()
"""
MACHINES = """
SELECT m.machine_id, m.line, m.last_seen_at, w.recorded_until, w.computed_until, w.plan,
  w.last_seen_at AS was_seen_at,
  (SELECT min(h.from_at) FROM machine_status_history h WHERE h.machine_id = m.machine_id) AS first_at
FROM machines m LEFT JOIN ops.oee_watches w ON w.tenant_id = m.tenant_id AND w.machine_id = m.machine_id
ORDER BY m.line, m.machine_id
"""
# A status holds until the next one; an order that begins or ends tells idle time with and without an order apart.
CHANGED = """
SELECT machine_id, min(produced_at) AS from_at, max(produced_at) AS to_at
FROM production_logs WHERE recorded_at >= %(since)s GROUP BY machine_id, date_trunc('hour', produced_at)
UNION ALL
SELECT h.machine_id, h.from_at, coalesce(h.to_at, (
  SELECT min(n.from_at) FROM machine_status_history n
  WHERE n.machine_id = h.machine_id AND n.from_at > h.from_at AND n.status <> 'gap'), %(now)s)
FROM machine_status_history h WHERE h.recorded_at >= %(since)s
UNION ALL
SELECT machine_id, started_at, coalesce(ended_at, %(now)s) FROM downtime_events WHERE recorded_at >= %(since)s
UNION ALL
SELECT l.machine_id, o.actual_start_at, coalesce(o.actual_end_at, %(now)s)
FROM production_logs l JOIN work_orders o ON o.tenant_id = l.tenant_id AND o.work_order_id = l.work_order_id
WHERE l.recorded_at >= %(since)s AND l.produced_at = o.actual_start_at
UNION ALL
SELECT m.machine_id, coalesce(c.actual_end_at, c.actual_start_at), %(now)s
FROM work_order_changes c JOIN work_orders o ON o.tenant_id = c.tenant_id AND o.work_order_id = c.work_order_id
CROSS JOIN LATERAL (
  SELECT o.current_machine_id AS machine_id UNION SELECT o.assigned_machine_id
  UNION SELECT l.machine_id FROM production_logs l WHERE l.work_order_id = o.work_order_id) m
WHERE c.recorded_at >= %(since)s AND c.actual_start_at IS NOT NULL AND m.machine_id IS NOT NULL
"""
# What people noted of a work centre may have stood elsewhere before they changed it.
NOTED = """
SELECT DISTINCT w.machine_id FROM work_centers w JOIN (
  SELECT tenant_id, work_center_id, greatest(created_at, updated_at, deleted_at) AS noted_at FROM maintenance_records
  UNION ALL
  SELECT tenant_id, work_center_id, greatest(created_at, updated_at, deleted_at) FROM equipment_status_log
) n ON n.tenant_id = w.tenant_id AND n.work_center_id = w.id
WHERE n.noted_at >= %(since)s AND w.machine_id IS NOT NULL
"""
WATCH = """
INSERT INTO ops.oee_watches (tenant_id, machine_id, recorded_until, computed_until, last_seen_at, plan)
VALUES (%(tenant_id)s, %(machine_id)s, %(recorded_until)s, %(computed_until)s, %(last_seen_at)s, %(plan)s)
ON CONFLICT (tenant_id, machine_id) DO UPDATE SET recorded_until = EXCLUDED.recorded_until,
  computed_until = EXCLUDED.computed_until, last_seen_at = EXCLUDED.last_seen_at, plan = EXCLUDED.plan
"""
COLUMNS = (
    "tenant_id",
    "level",
    "subject_id",
    "line",
    "work_center_id",
    "bucket",
    "shift_name",
    "day",
    "from_at",
    "to_at",
    "computed_until",
    "is_settled",
    "availability",
    "performance",
    "quality",
    "oee",
    "inputs",
    "calculated_at",
)
KEY = ("tenant_id", "level", "subject_id", "bucket", "shift_name", "from_at")
FIGURES = ("to_at", "inputs")
OTHERS = tuple(name for name in COLUMNS if name not in (*KEY, *FIGURES, "calculated_at"))


def _list(names: Sequence[str], before: str = "") -> str:
    return ", ".join(f"{before}{name}" for name in names)


WERE, ARE = _list(FIGURES, "kept."), _list(FIGURES, "EXCLUDED.")
# A row that says the same again is not written. What changes a settled one is a late correction.
KEEP = f"""
INSERT INTO oee_calculations AS kept ({_list(COLUMNS)}) VALUES ({", ".join(f"%({name})s" for name in COLUMNS)})
ON CONFLICT ON CONSTRAINT uq_oee_window DO UPDATE SET
  {", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name not in KEY)},
  version = kept.version + 1,
  restated_at = CASE WHEN kept.is_settled AND ({WERE}) IS DISTINCT FROM ({ARE})
    THEN EXCLUDED.calculated_at ELSE kept.restated_at END
WHERE ({WERE}, {_list(OTHERS, "kept.")}) IS DISTINCT FROM ({ARE}, {_list(OTHERS, "EXCLUDED.")})
RETURNING restated_at IS NOT DISTINCT FROM calculated_at AS is_restated
"""
# Shifts that the calendar does not have any more.
DROP = """
DELETE FROM oee_calculations WHERE level = 'machine' AND subject_id = %(machine_id)s AND bucket = 'shift'
  AND from_at < %(to_at)s AND to_at > %(from_at)s
  AND NOT EXISTS (SELECT FROM unnest(%(shifts)s::text[], %(begins)s::timestamptz[]) AS there(shift, begins)
    WHERE there.shift = shift_name AND there.begins = from_at)
RETURNING line, bucket, shift_name, day, from_at, to_at
"""
OF_LINE = """
SELECT bucket, shift_name, day, from_at, to_at, computed_until, is_settled, inputs FROM oee_calculations
WHERE level = 'machine' AND line = %(line)s AND from_at = ANY(%(begins)s) ORDER BY subject_id
"""


def alone(rows: Cursor[Row]) -> datetime:
    """Wait until nobody else computes. Until when all that is recorded can be seen from now on."""
    rows.execute(ALONE)
    rows.execute(RECORDED_UNTIL)
    (found,) = rows.fetchall()
    until: datetime = found["recorded_until"]
    return until


def machines(rows: Cursor[Row]) -> list[Row]:
    """Every machine with how far it is computed."""
    rows.execute(MACHINES)
    return rows.fetchall()


def changed(rows: Cursor[Row], since: datetime, now: datetime) -> dict[str, list[Span]]:
    """When what is known of machines has changed, of all that was recorded since a moment."""
    rows.execute(CHANGED, {"since": since, "now": now})
    found: dict[str, list[Span]] = {}
    for row in rows.fetchall():
        found.setdefault(row["machine_id"], []).append((row["from_at"], row["to_at"]))
    return found


def noted(rows: Cursor[Row], since: datetime) -> set[str]:
    """Machines of which people have noted something since a moment."""
    rows.execute(NOTED, {"since": since})
    return {row["machine_id"] for row in rows.fetchall()}


def watch(rows: Cursor[Row], watches: Sequence[Row]) -> None:
    """Remember how far machines are computed."""
    if watches:
        rows.executemany(WATCH, watches)


def keep(rows: Cursor[Row], told: Row) -> bool | None:
    """Write a row, unless it says what it said before (None); whether that restates what was settled."""
    rows.execute(KEEP.encode(), told | {"inputs": Jsonb(told["inputs"])})
    found = rows.fetchone()
    return None if found is None else bool(found["is_restated"])


def drop_others(rows: Cursor[Row], machine_id: str, span: Span, kept: Iterable[tuple[str, datetime]]) -> list[Row]:
    """Delete a machine's shifts between two moments that are not these (name and begin); the windows that are gone."""
    there = list(kept)
    names, begins = [name for name, _ in there], [begin for _, begin in there]
    told = {"machine_id": machine_id, "from_at": span[0], "to_at": span[1]}
    rows.execute(DROP, told | {"shifts": names, "begins": begins})
    return rows.fetchall()


def drop_line(rows: Cursor[Row], line: str, bucket: str, shift_name: str | None, from_at: datetime) -> None:
    """Delete the row of a line that no machine has this window in."""
    rows.execute(
        "DELETE FROM oee_calculations WHERE level = 'line' AND subject_id = %s AND bucket = %s "
        "AND shift_name IS NOT DISTINCT FROM %s AND from_at = %s",
        [line, bucket, shift_name, from_at],
    )


def of_line(rows: Cursor[Row], line: str, begins: Iterable[datetime]) -> list[Row]:
    """The rows of a line's machines whose windows begin at these moments."""
    rows.execute(OF_LINE, {"line": line, "begins": list(begins)})
    return rows.fetchall()
