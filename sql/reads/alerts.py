"""Alerts as they are asked for, and who took them on."""

from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

ALL = """
SELECT alert_id, kind, severity, entity_type, entity_id, message, raised_at, acknowledged_at, acknowledged_by
FROM alerts WHERE (%(open_only)s = false OR acknowledged_at IS NULL) ORDER BY raised_at DESC, alert_id LIMIT %(limit)s
"""


def latest(cursor: Cursor[Row], open_only: bool, limit: int) -> list[Row]:
    """Alerts, latest first."""
    cursor.execute(ALL, {"open_only": open_only, "limit": limit})
    return cursor.fetchall()


def acknowledge(cursor: Cursor[Row], alert_id: str, who: str) -> Row | None:
    """Take an alert on; whoever was first stays named. None if there is no such alert."""
    cursor.execute(
        "UPDATE alerts SET acknowledged_at = coalesce(acknowledged_at, now()), "
        "acknowledged_by = coalesce(acknowledged_by, %s) WHERE alert_id = %s "
        "RETURNING alert_id, kind, severity, message, raised_at, acknowledged_at, acknowledged_by",
        [who, alert_id],
    )
    return cursor.fetchone()
