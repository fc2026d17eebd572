"""The rules of the changeover matrix, for whoever plans."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import Cursor

FOLLOWING: Final = """
SELECT work_center_id, before AS from_family, after AS to_family FROM (
  SELECT work_center_id::text AS work_center_id, setup_family AS after, begins_at,
    lag(setup_family) OVER (PARTITION BY work_center_id ORDER BY begins_at, id) AS before
  FROM (SELECT r.*, coalesce(r.actual_start, r.scheduled_start) AS begins_at FROM production_runs r) runs
  WHERE deleted_at IS NULL AND status <> 'cancelled' AND begins_at IS NOT NULL AND setup_family IS NOT NULL
) pairs
WHERE before IS NOT NULL AND begins_at >= %(from_at)s AND begins_at < %(to_at)s
ORDER BY work_center_id, begins_at
"""


class Rule(NamedTuple):
    """A rule of `changeover_details`; None: everywhere, from any family, to any."""

    id: str
    work_center_id: str | None
    from_family: str | None
    to_family: str | None
    setup_minutes: int
    external_minutes: int


def changeover_rules(rows: Cursor[dict[str, Any]]) -> list[Rule]:
    """All rules: those that name what comes after first, so that of two with one family they are met first."""
    rows.execute(
        "SELECT id::text AS id, work_center_id::text AS work_center_id, from_family, to_family, setup_minutes, "
        "external_minutes FROM changeover_details WHERE deleted_at IS NULL "
        "ORDER BY to_family IS NULL, work_center_id, from_family, to_family, id"
    )
    return [Rule(**row) for row in rows.fetchall()]


def following(rows: Cursor[dict[str, Any]], from_at: datetime, to_at: datetime) -> list[dict[str, Any]]:
    """Each run that begins from one moment up to another behind one of a setup family, at its work centre.

    As it began, or as it is scheduled where it has not.
    """
    rows.execute(FOLLOWING, {"from_at": from_at, "to_at": to_at})
    return rows.fetchall()
