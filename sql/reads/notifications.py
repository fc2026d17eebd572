"""Alerts as those who are told of them need them: how many came before, and what came of a kind in a window."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

FIRST_OF_EACH_CAUSE = """
SELECT DISTINCT ON (alert_key) alert_id, alert_key, kind, severity, entity_type, entity_id, message, raised_at
FROM alerts WHERE kind = %(kind)s AND severity = %(severity)s AND raised_at >= %(begin)s AND raised_at < %(end)s
ORDER BY alert_key, raised_at, alert_id
"""


def window(cursor: Cursor[Row], kind: str, severity: str, begin: datetime, end: datetime) -> list[Row]:
    """The alerts of a kind in a window, in order; of each cause the first."""
    cursor.execute(
        f"SELECT * FROM ({FIRST_OF_EACH_CAUSE}) AS causes ORDER BY raised_at, alert_id".encode(),
        {"kind": kind, "severity": severity, "begin": begin, "end": end},
    )
    return cursor.fetchall()


def system_of(cursor: Cursor[Row], delivery_id: str) -> str | None:
    """The system that a delivery goes to, if it is one."""
    cursor.execute("SELECT external_system FROM deliveries WHERE delivery_id = %s", [delivery_id])
    row = cursor.fetchone()
    return None if row is None else str(row["external_system"])
