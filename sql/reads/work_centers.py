"""Work centres with the calendar each follows, and the maintenance that closes them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Cursor

Row = dict[str, Any]

CENTERS = """
SELECT w.id::text AS id, w.work_center_code AS code, w.work_center_name AS name, w.work_center_type AS kind, w.line,
  w.machine_id, w.hourly_rate, w.is_active, w.version, w.calendar_id::text AS calendar_id, c.calendar_code,
  c.definition::text AS calendar
FROM work_centers w LEFT JOIN work_calendars c ON c.tenant_id = w.tenant_id AND c.id = w.calendar_id
WHERE w.deleted_at IS NULL ORDER BY w.work_center_code
"""
MAINTENANCE = """
SELECT work_center_id::text AS work_center_id, begins_at, ends_at, coalesce(description, maintenance_type) AS reason
FROM maintenance_records
WHERE deleted_at IS NULL AND status <> 'cancelled' AND ends_at > coalesce(%(since)s::timestamptz, '-infinity')
ORDER BY work_center_id, begins_at, id
"""


class WorkCenter(NamedTuple):
    """A work centre. `calendar` is the definition as JSON, None: it is always open."""

    id: str
    code: str
    name: str
    kind: str | None
    line: str | None
    machine_id: str | None
    hourly_rate: Decimal | None
    is_active: bool
    version: int
    calendar_id: str | None
    calendar_code: str | None
    calendar: str | None


class Maintenance(NamedTuple):
    """A stretch of time in which a work centre is maintained."""

    work_center_id: str
    begins_at: datetime
    ends_at: datetime
    reason: str


def work_centers(rows: Cursor[Row]) -> list[WorkCenter]:
    """All work centres that are not deleted, by code."""
    rows.execute(CENTERS.encode())
    return [WorkCenter(**row) for row in rows.fetchall()]


def maintenance(rows: Cursor[Row], since: datetime | None = None) -> list[Maintenance]:
    """Maintenance that is planned, under way or done, of all work centres; what ended by a moment is left out."""
    rows.execute(MAINTENANCE.encode(), {"since": since})
    return [Maintenance(**row) for row in rows.fetchall()]
