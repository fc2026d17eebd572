"""Alerts as they are asked for, and who took them on."""

from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

ALL = """
SELECT alert_id, kind, severity, entity_type, entity_id, message, raised_at, acknowledged_at, acknowledged_by
FROM alerts WHERE (%(open_only)s = false OR acknowledged_at IS NULL) ORDER BY raised_at DESC, alert_id LIMIT %(limit)s
"""

CONDITIONS = {
    "is_open": "(acknowledged_at IS NULL) = %(is_open)s",
    "severity": "severity = %(severity)s",
    "kind": "kind = %(kind)s",
    "until": "raised_at <= %(until)s",
    "text": "(message ILIKE %(text)s OR entity_id ILIKE %(text)s OR kind ILIKE %(text)s)",
}
HEAD = """
SELECT alert_id, kind, severity, entity_type, entity_id, message, raised_at, acknowledged_at, acknowledged_by,
  event_topic, event_partition, event_offset FROM alerts
"""


def page(cursor: Cursor[Row], wanted: Row, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Alerts, latest first, and the cursor of the next page; `wanted` names filters. Raises BadCursor."""
    conditions, values = _narrowed(wanted)
    if after is not None:
        conditions += " AND (raised_at, alert_id) < (%(at)s::timestamptz, %(id)s)"
        values["at"], values["id"] = values_of(after, 2)
    cursor.execute(
        f"{HEAD} WHERE true {conditions} ORDER BY raised_at DESC, alert_id DESC LIMIT %(limit)s".encode(),
        values | {"limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["raised_at"].isoformat(), last["alert_id"]])


def _narrowed(wanted: Row) -> tuple[str, Row]:
    """The filters as conditions, each with its AND, and their values."""
    values = {name: value for name, value in wanted.items() if value is not None}
    if "text" in values:
        values["text"] = pattern_of(values["text"])
    return " ".join(f"AND {CONDITIONS[name]}" for name in values), values


COUNTS = """
SELECT kind, severity, count(*) AS alerts, count(*) FILTER (WHERE acknowledged_at IS NULL) AS open
FROM alerts GROUP BY kind, severity ORDER BY kind, severity
"""


def counts(cursor: Cursor[Row]) -> list[Row]:
    """How many alerts there are of each kind and severity, and how many of them are open."""
    cursor.execute(COUNTS)
    return cursor.fetchall()


def latest(cursor: Cursor[Row], open_only: bool, limit: int) -> list[Row]:
    """Alerts, latest first."""
    cursor.execute(ALL, {"open_only": open_only, "limit": limit})
    return cursor.fetchall()


TAKE = "UPDATE alerts SET acknowledged_at = now(), acknowledged_by = %(who)s WHERE acknowledged_at IS NULL"


def acknowledge(cursor: Cursor[Row], alert_id: str, who: str) -> Row | None:
    """Take an alert on; whoever was first stays named. None if there is no such alert."""
    cursor.execute(
        "UPDATE alerts SET acknowledged_at = coalesce(acknowledged_at, now()), "
        "acknowledged_by = coalesce(acknowledged_by, %s) WHERE alert_id = %s "
        "RETURNING alert_id, kind, severity, message, raised_at, acknowledged_at, acknowledged_by",
        [who, alert_id],
    )
    return cursor.fetchone()


def acknowledge_all(cursor: Cursor[Row], alert_ids: list[str], who: str) -> int:
    """Take these alerts on, as far as they are known and nobody has yet; how many."""
    cursor.execute(f"{TAKE} AND alert_id = ANY(%(ids)s)".encode(), {"who": who, "ids": alert_ids})
    return cursor.rowcount


def acknowledge_like(cursor: Cursor[Row], wanted: Row, who: str) -> int:
    """Take on all alerts that nobody has yet and these filters name; how many."""
    conditions, values = _narrowed(wanted)
    cursor.execute(f"{TAKE} {conditions}".encode(), values | {"who": who})
    return cursor.rowcount
