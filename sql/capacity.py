"""The load of work centres as it was computed last, for analysts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sql.database import Rows


class Planned(NamedTuple):
    """Work that is left of a run, from a moment on."""

    work_center_id: str
    start_at: datetime
    minutes: int


PLANNED = """
SELECT r.work_center_id::text AS work_center_id,
  greatest(coalesce(r.setup_start, r.scheduled_start, %(from)s::timestamptz), %(from)s::timestamptz) AS start_at,
  ceil((CASE WHEN r.actual_start IS NULL THEN r.setup_minutes ELSE 0 END + r.run_minutes)
    * greatest(0, 1 - coalesce(w.quantity_good, r.quantity_good) / r.quantity))::integer AS minutes
FROM production_runs r
JOIN production_orders o ON o.tenant_id = r.tenant_id AND o.id = r.production_order_id
LEFT JOIN work_orders w ON w.tenant_id = r.tenant_id AND w.work_order_id = r.work_order_id
WHERE r.deleted_at IS NULL AND r.status NOT IN ('completed', 'cancelled')
  AND o.deleted_at IS NULL AND o.status NOT IN ('completed', 'cancelled')
ORDER BY r.id
"""


def planned(rows: Rows, from_at: datetime) -> list[Planned]:
    """What is left of all runs. What has no time yet, and what is overdue, counts from the beginning."""
    rows.execute(PLANNED.encode(), {"from": from_at})
    return [Planned(**row) for row in rows.fetchall()]


KEEP = """
INSERT INTO capacity_planning (tenant_id, work_center_id, from_at, to_at, available_minutes, required_minutes,
  utilization_percent, is_bottleneck)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT ON CONSTRAINT uq_capacity_bucket DO UPDATE SET available_minutes = EXCLUDED.available_minutes,
  required_minutes = EXCLUDED.required_minutes, utilization_percent = EXCLUDED.utilization_percent,
  is_bottleneck = EXCLUDED.is_bottleneck, computed_at = now()
"""


def keep(rows: Rows, tenant_id: str, loads: Sequence[Any], from_at: datetime, to_at: datetime) -> None:
    """Keep the load between two moments, instead of what was computed of them before."""
    rows.execute("DELETE FROM capacity_planning WHERE from_at < %s AND to_at > %s", [to_at, from_at])
    rows.executemany(
        KEEP,
        [
            [
                tenant_id,
                each.work_center_id,
                each.from_at,
                each.to_at,
                each.available_minutes,
                each.required_minutes,
                each.utilization_percent,
                each.is_bottleneck,
            ]
            for each in loads
        ],
    )
