"""Dead letters as they are asked for: the list, the groups of one cause, one letter."""

import base64
from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

HEAD = """
  failure_id, failure_key, integration_type, error_code, error_message, error_path, trace_id, inbox, source_address,
  original_message_id, correlation_id, status, retry_count, last_retry_at, failed_at
"""
FILTER = """
  (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(integration_type)s::text IS NULL OR integration_type = %(integration_type)s)
  AND (%(error_code)s::text IS NULL OR error_code = %(error_code)s)
  AND (%(text)s::text IS NULL OR error_message ILIKE %(text)s OR source_address ILIKE %(text)s
       OR failure_id ILIKE %(text)s OR original_message::text ILIKE %(text)s)
"""


def filters(status: str | None, integration_type: str | None, error_code: str | None, text: str | None) -> Row:
    """What a list is narrowed to."""
    return {
        "status": status,
        "integration_type": integration_type,
        "error_code": error_code,
        "text": pattern_of(text) if text else None,
    }


def page(cursor: Cursor[Row], wanted: Row, limit: int, after: str | None) -> tuple[list[Row], str | None]:
    """Dead letters, latest first, and the cursor of the next page. Raises BadCursor."""
    at, key = values_of(after, 2) if after else ("infinity", "")
    cursor.execute(
        f"SELECT {HEAD} FROM integration_failures WHERE {FILTER} "
        "AND (failed_at, failure_key) < (%(at)s::timestamptz, %(key)s) "
        "ORDER BY failed_at DESC, failure_key DESC LIMIT %(limit)s".encode(),
        wanted | {"at": at, "key": key, "limit": limit + 1},
    )
    rows = cursor.fetchall()
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor_of([last["failed_at"].isoformat(), last["failure_key"]])


def groups(cursor: Cursor[Row], wanted: Row) -> list[Row]:
    """Dead letters of one cause together: code, field and integration, the largest group first."""
    cursor.execute(
        "SELECT error_code, error_path, integration_type, count(*) AS failures, min(failed_at) AS first_at, "
        "max(failed_at) AS last_at, (array_agg(error_message ORDER BY failed_at DESC))[1] AS example, "
        "(array_agg(failure_id ORDER BY failed_at DESC))[1] AS example_failure_id "
        f"FROM integration_failures WHERE {FILTER} GROUP BY error_code, error_path, integration_type "
        "ORDER BY count(*) DESC, max(failed_at) DESC LIMIT 200".encode(),
        wanted,
    )
    return cursor.fetchall()


def one(cursor: Cursor[Row], failure_id: str) -> Row | None:
    """One dead letter with the original message, by its id or key, or None."""
    cursor.execute(
        f"SELECT {HEAD}, original_message, original_bytes, event_topic, event_partition, event_offset, recorded_at "
        "FROM integration_failures WHERE failure_id = %(id)s OR failure_key = %(id)s LIMIT 1".encode(),
        {"id": failure_id},
    )
    found = cursor.fetchone()
    if found is not None:
        found["original_bytes_base64"] = base64.b64encode(found.pop("original_bytes")).decode()
    return found
