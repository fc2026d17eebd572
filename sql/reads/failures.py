"""Dead letters as they are asked for: the list, the groups of one cause, one letter with its attempts, the figures."""

import base64
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Cursor

from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]

MOST_GROUPS: Final = 200
BUCKETS: Final = 48
"""At most so many points has a trend."""

# What a letter waits for now is the reason of the latest refusal.
HEAD = """
  failure_id, failure_key, integration_type, coalesce(reason_code, error_code) AS error_code,
  coalesce(reason, error_message) AS error_message,
  CASE WHEN reason_code IS NULL THEN error_path ELSE reason_path END AS error_path, trace_id, inbox, source_address,
  original_message_id, correlation_id, status, retry_count, last_retry_at, failed_at, cause_key, cause, resolved_at,
  resolution, resolved_by
"""
FILTER = """
  (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(integration_type)s::text IS NULL OR integration_type = %(integration_type)s)
  AND (%(error_code)s::text IS NULL OR coalesce(reason_code, error_code) = %(error_code)s)
  AND (%(cause_key)s::text IS NULL OR cause_key = %(cause_key)s)
  AND (%(since)s::timestamptz IS NULL OR failed_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR failed_at < %(until)s)
  AND (%(text)s::text IS NULL OR error_message ILIKE %(text)s OR reason ILIKE %(text)s OR source_address ILIKE %(text)s
       OR failure_id ILIKE %(text)s OR original_message::text ILIKE %(text)s)
"""


def filters(
    status: str | None = None,
    integration_type: str | None = None,
    error_code: str | None = None,
    text: str | None = None,
    *,
    cause: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Row:
    """What a list is narrowed to."""
    return {
        "status": status,
        "integration_type": integration_type,
        "error_code": error_code,
        "text": pattern_of(text) if text else None,
        "cause_key": cause,
        "since": since,
        "until": until,
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


GROUPS = f"""
WITH found AS (
  SELECT cause_key, integration_type, count(*) AS failures, min(failed_at) AS first_at, max(failed_at) AS last_at
  FROM integration_failures WHERE {FILTER} GROUP BY cause_key, integration_type
  ORDER BY count(*) DESC, max(failed_at) DESC LIMIT {MOST_GROUPS}
)
SELECT found.cause_key, example.cause, example.error_code, example.error_path, found.integration_type, found.failures,
  found.first_at, found.last_at, example.error_message AS example, example.failure_id AS example_failure_id
FROM found CROSS JOIN LATERAL (
  SELECT {HEAD} FROM integration_failures WHERE {FILTER}
    AND cause_key = found.cause_key AND integration_type = found.integration_type
    AND failed_at = found.last_at
  ORDER BY failure_key DESC LIMIT 1
) AS example
ORDER BY found.failures DESC, found.last_at DESC
"""


def groups(cursor: Cursor[Row], wanted: Row) -> list[Row]:
    """Dead letters of one cause together: the reason without ids and numbers, the largest group first."""
    cursor.execute(GROUPS.encode(), wanted)
    return cursor.fetchall()


def keys(cursor: Cursor[Row], wanted: Row, limit: int) -> list[str]:
    """The keys of letters, oldest first: the order in which they are sent again."""
    cursor.execute(
        f"SELECT failure_key FROM integration_failures WHERE {FILTER} ORDER BY failed_at, failure_key "
        "LIMIT %(limit)s".encode(),
        wanted | {"limit": limit},
    )
    return [row["failure_key"] for row in cursor.fetchall()]


def keys_of(cursor: Cursor[Row], failure_ids: list[str]) -> dict[str, str]:
    """The keys of letters by the ids or keys that people use, oldest first; what nobody knows is left out."""
    cursor.execute(
        "SELECT told.id, failure_key FROM unnest(%s::text[]) AS told(id) "
        "JOIN integration_failures ON failure_id = told.id OR failure_key = told.id ORDER BY failed_at, failure_key",
        [failure_ids],
    )
    return {row["id"]: row["failure_key"] for row in cursor.fetchall()}


def one(cursor: Cursor[Row], failure_id: str) -> Row | None:
    """One dead letter with the original message, by its id or key, or None."""
    cursor.execute(
        f"SELECT {HEAD}, error_code AS first_error_code, error_message AS first_error_message, "
        "error_path AS first_error_path, original_message, original_bytes, event_topic, event_partition, "
        "event_offset, recorded_at "
        "FROM integration_failures WHERE failure_key = %(id)s OR failure_id = %(id)s "
        "ORDER BY failure_key = %(id)s DESC LIMIT 1".encode(),
        {"id": failure_id},
    )
    found = cursor.fetchone()
    if found is not None:
        found["original_bytes_base64"] = base64.b64encode(found.pop("original_bytes")).decode()
    return found


def attempts(cursor: Cursor[Row], failure_key: str) -> list[Row]:
    """What people did about a letter and what became of it, latest first."""
    cursor.execute(
        "SELECT action_id, attempt, action, actor, reason, requested_at, bulk_id, edits, edited_bytes, outcome, "
        "outcome_code, outcome_reason, outcome_path, published_at, settled_at "
        "FROM failure_actions WHERE failure_key = %s ORDER BY attempt DESC",
        [failure_key],
    )
    return cursor.fetchall()


OUTCOME = (
    "SELECT action_id, outcome, outcome_code, outcome_reason, outcome_path FROM failure_actions WHERE action_id = %s"
)


def outcome(cursor: Cursor[Row], action_id: int) -> Row | None:
    """What became of an action so far."""
    cursor.execute(OUTCOME.encode(), [action_id])
    return cursor.fetchone()


BULK = """
SELECT bulk_id, action, actor, reason, requested_at, selected, accepted AS total,
  count(acted.outcome) FILTER (WHERE acted.outcome IN ('waiting', 'published')) AS waiting,
  count(acted.outcome) FILTER (WHERE acted.outcome IN ('applied', 'done')) AS applied,
  count(acted.outcome) FILTER (WHERE acted.outcome = 'refused') AS refused,
  count(acted.outcome) FILTER (WHERE acted.outcome = 'failed') AS failed
FROM failure_bulks LEFT JOIN (SELECT bulk_id, outcome FROM failure_actions WHERE bulk_id = %(id)s) AS acted
  USING (bulk_id)
WHERE bulk_id = %(id)s GROUP BY bulk_id, action, actor, reason, requested_at, selected, accepted
"""


def bulk(cursor: Cursor[Row], bulk_id: str) -> Row | None:
    """How far an action on many letters is."""
    cursor.execute(BULK.encode(), {"id": bulk_id})
    found = cursor.fetchone()
    return found and found | {"is_done": found["waiting"] == 0}


FIGURES = """
SELECT integration_type, count(*) FILTER (WHERE failed_at >= %(since)s) AS failures,
  count(*) FILTER (WHERE status = 'pending_manual_review') AS pending,
  count(*) FILTER (WHERE status = 'retried') AS retried,
  count(*) FILTER (WHERE status = 'resolved' AND resolved_at >= %(since)s) AS resolved,
  count(*) FILTER (WHERE status = 'discarded' AND resolved_at >= %(since)s) AS discarded,
  avg(extract(epoch FROM resolved_at - failed_at)) FILTER (WHERE resolved_at >= %(since)s)::float
    AS mean_seconds_to_resolution
FROM integration_failures
WHERE failed_at >= %(since)s OR resolved_at >= %(since)s OR status IN ('pending_manual_review', 'retried')
GROUP BY integration_type ORDER BY integration_type
"""
TREND = """
SELECT date_bin(%(step)s, moment, %(since)s) AS at, integration_type, sum(failed)::int AS failures,
  sum(done)::int AS resolved
FROM (
  SELECT failed_at AS moment, integration_type, 1 AS failed, 0 AS done FROM integration_failures
  WHERE failed_at >= %(since)s AND failed_at <= %(until)s
  UNION ALL
  SELECT resolved_at, integration_type, 0, 1 FROM integration_failures
  WHERE resolved_at >= %(since)s AND resolved_at <= %(until)s
) AS told GROUP BY 1, 2 ORDER BY 1, 2
"""


def metrics(cursor: Cursor[Row], hours: float) -> Row:
    """Of the latest hours, by integration: how many failed and how fast they were done with; and their course."""
    cursor.execute("SELECT clock_timestamp() AS now")
    now = cursor.fetchone()
    assert now is not None
    told = {
        "since": now["now"] - timedelta(hours=hours),
        "until": now["now"],
        "step": timedelta(hours=hours) / BUCKETS,
    }
    cursor.execute(FIGURES, told)
    figures = [row | {"per_hour": row["failures"] / hours} for row in cursor.fetchall()]
    cursor.execute(TREND, told)
    return {"integrations": figures, "trend": cursor.fetchall()}
