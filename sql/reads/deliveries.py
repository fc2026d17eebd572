"""Deliveries as they are asked for: the list, one with its attempts, and what is pending."""

from datetime import datetime
from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
  delivery_id, kind, external_system, integration_type, subject, cause, correlation_id, status, waits_for, attempts,
  due_at, last_attempt_at, last_status_code, last_error, failure_key, created_at, finished_at
"""
CONDITIONS = {
    "system": "external_system = %(system)s",
    "kind": "kind = %(kind)s",
    "status": "status = %(status)s",
    "subject": "subject = %(subject)s",
    "text": "(subject ILIKE %(text)s OR cause ILIKE %(text)s OR delivery_id ILIKE %(text)s OR last_error ILIKE %(text)s"
    " OR correlation_id ILIKE %(text)s)",
}


def page(cursor: Cursor[Row], wanted: Row, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Deliveries, newest first, and the cursor of the next page; `wanted` names filters. Raises BadCursor."""
    values = {name: value for name, value in wanted.items() if value}
    conditions = [CONDITIONS[name] for name in values]
    if "text" in values:
        values["text"] = pattern_of(values["text"])
    if after is not None:
        conditions.append("(created_at, delivery_id) < (%(at)s::timestamptz, %(id)s)")
        values["at"], values["id"] = values_of(after, 2)
    cursor.execute(
        f"SELECT {HEAD} FROM deliveries WHERE {' AND '.join(conditions) or 'true'} "
        "ORDER BY created_at DESC, delivery_id DESC LIMIT %(limit)s".encode(),
        values | {"limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["created_at"].isoformat(), last["delivery_id"]])


ATTEMPTS = """
SELECT log_id, "timestamp" AS at, http_status_code, processing_time_ms, success, error_message, request_payload,
  response_payload FROM integration_audit_log WHERE delivery_id = %s ORDER BY log_id DESC LIMIT 200
"""


def one(cursor: Cursor[Row], delivery_id: str) -> Row | None:
    """One delivery with its request, its last answer and the calls that were made for it, latest first."""
    cursor.execute(
        f"SELECT {HEAD}, told, request, last_answer, failures, rounds FROM deliveries WHERE delivery_id = %s".encode(),
        [delivery_id],
    )
    found = cursor.fetchone()
    if found is not None:
        cursor.execute(ATTEMPTS, [delivery_id])
        found["calls"] = cursor.fetchall()
    return found


PENDING = """
SELECT external_system, count(*) AS deliveries,
  extract(epoch FROM clock_timestamp() - min(created_at))::float AS oldest_seconds
FROM deliveries WHERE status = 'pending' AND created_at <= clock_timestamp() GROUP BY external_system
"""


def pending(cursor: Cursor[Row]) -> list[Row]:
    """How many deliveries of each system are not answered yet, and for how long the oldest."""
    cursor.execute(PENDING)
    return cursor.fetchall()


AUDIT = """
SELECT log_id, "timestamp", integration_type, direction, external_system, request_payload, response_payload,
  http_status_code, processing_time_ms, success, error_message, user_id, correlation_id, delivery_id
FROM integration_audit_log
"""
AUDIT_CONDITIONS = {
    "system": "external_system = %(system)s",
    "direction": "direction = %(direction)s",
    "integration": "integration_type = %(integration)s",
    "correlation_id": "correlation_id = %(correlation_id)s",
    "success": "success = %(success)s",
    "since": '"timestamp" >= %(since)s',
    "until": '"timestamp" < %(until)s',
    # Text of the payloads is found only by reading them: what is asked for is narrowed by time or system first.
    "text": "(correlation_id ILIKE %(text)s OR delivery_id ILIKE %(text)s OR error_message ILIKE %(text)s"
    " OR integration_type ILIKE %(text)s OR user_id ILIKE %(text)s OR request_payload::text ILIKE %(text)s"
    " OR response_payload::text ILIKE %(text)s)",
}


def audit_page(
    cursor: Cursor[Row], wanted: dict[str, str | bool | datetime | None], limit: int, after: str | None
) -> tuple[list[Row], str | None]:
    """Lines of the audit log, newest first, and the cursor of the next page. Raises BadCursor."""
    values: Row = {name: value for name, value in wanted.items() if value is not None}
    conditions = [AUDIT_CONDITIONS[name] for name in values]
    if "text" in values:
        values["text"] = pattern_of(values["text"])
    if after is not None:
        conditions.append("log_id < %(after)s::bigint")
        (values["after"],) = values_of(after, 1)
    cursor.execute(
        f"{AUDIT} WHERE {' AND '.join(conditions) or 'true'} ORDER BY log_id DESC LIMIT %(limit)s".encode(),
        values | {"limit": limit + 1},
    )
    rows = cursor.fetchall()
    return (rows, None) if len(rows) <= limit else (rows[:limit], cursor_of([str(rows[limit - 1]["log_id"])]))


def audit_line(cursor: Cursor[Row], log_id: int) -> Row | None:
    """One line of the audit log, or None."""
    cursor.execute(f"{AUDIT} WHERE log_id = %s".encode(), [log_id])
    return cursor.fetchone()
