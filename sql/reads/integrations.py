"""How the integrations are: what was exchanged last, what fails since when, what waits, how old the newest word is.

Every query walks an index; none reads more of the audit log than the stretch of time it asks about.
"""

from datetime import datetime, timedelta
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

# The kinds of calls by skipping through the index, then the latest success and failure of each.
LATEST = """
WITH RECURSIVE kinds AS (
  (SELECT external_system, direction, integration_type FROM integration_audit_log
   ORDER BY external_system, direction, integration_type LIMIT 1)
  UNION ALL
  SELECT following.* FROM kinds k CROSS JOIN LATERAL (
    SELECT l.external_system, l.direction, l.integration_type FROM integration_audit_log l
    WHERE (l.external_system, l.direction, l.integration_type)
      > (k.external_system, k.direction, k.integration_type)
    ORDER BY l.external_system, l.direction, l.integration_type LIMIT 1
  ) following
)
SELECT k.external_system, k.direction, k.integration_type, good.timestamp AS succeeded_at,
  bad.timestamp AS failed_at, bad.http_status_code
FROM kinds k
LEFT JOIN LATERAL (
  SELECT timestamp FROM integration_audit_log l WHERE l.external_system = k.external_system
    AND l.direction = k.direction AND l.integration_type = k.integration_type AND l.success
  ORDER BY timestamp DESC LIMIT 1
) good ON true
LEFT JOIN LATERAL (
  SELECT timestamp, http_status_code FROM integration_audit_log l WHERE l.external_system = k.external_system
    AND l.direction = k.direction AND l.integration_type = k.integration_type AND NOT l.success
  ORDER BY timestamp DESC LIMIT 1
) bad ON true
ORDER BY 1, 2, 3
"""
# A system is reached when it answers anything below 500.
DOWN = """
SELECT s.external_system, extract(epoch FROM %(at)s - failing.first_at)::float AS seconds
FROM unnest(%(systems)s::text[]) AS s (external_system)
LEFT JOIN LATERAL (
  SELECT timestamp FROM integration_audit_log l WHERE l.direction = 'outbound'
    AND l.external_system = s.external_system AND l.http_status_code < 500 AND l.timestamp <= %(at)s
  ORDER BY timestamp DESC LIMIT 1
) reached ON true
CROSS JOIN LATERAL (
  SELECT min(timestamp) AS first_at, max(timestamp) AS last_at FROM integration_audit_log l
  WHERE l.direction = 'outbound' AND l.external_system = s.external_system AND l.timestamp <= %(at)s
    AND l.timestamp > greatest(reached.timestamp, %(at)s - interval '1 day')
) failing
WHERE failing.last_at > %(at)s - interval '1 hour'
"""
WAITING = """
SELECT external_system, count(*) AS pending,
  extract(epoch FROM %(at)s - min(created_at) FILTER (WHERE attempts > 0 OR due_at <= %(at)s))::float AS oldest_seconds
FROM deliveries WHERE status = 'pending' GROUP BY external_system
"""
FAILED = """
SELECT external_system, count(*) AS failed FROM deliveries
WHERE status = 'failed' AND finished_at > %(at)s - interval '1 day' GROUP BY external_system
"""
DEAD_LETTERS = """
SELECT integration_type, count(*) AS pending
FROM (SELECT integration_type FROM integration_failures WHERE status = 'pending_manual_review' LIMIT 100000) letters
GROUP BY integration_type
"""
# Only a machine that is said to run owes us a word.
MES_AGE = """
SELECT greatest(0, extract(epoch FROM %(at)s - max(last_seen_at)))::float AS seconds, max(last_seen_at) AS heard_at,
  count(*) FILTER (WHERE status = 'running') AS running
FROM machines
"""
# An id that is taken already is an answer, not an error.
CALLS = """
SELECT count(*) AS calls, count(*) FILTER (WHERE NOT success AND http_status_code IS DISTINCT FROM 409) AS errors,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY processing_time_ms)::float / 1000 AS p95_seconds
FROM integration_audit_log WHERE timestamp > %(at)s - %(span)s AND timestamp <= %(at)s
"""

CALLS_BY_SYSTEM = """
SELECT external_system, direction, count(*) AS calls,
  count(*) FILTER (WHERE NOT success AND http_status_code IS DISTINCT FROM 409) AS errors,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY processing_time_ms)::float / 1000 AS p95_seconds
FROM integration_audit_log WHERE timestamp > %(at)s - %(span)s AND timestamp <= %(at)s
GROUP BY external_system, direction
"""
# The first few of each system, by walking the index of what is due.
NEXT_ATTEMPTS = """
SELECT d.* FROM unnest(%(systems)s::text[]) AS s (external_system)
CROSS JOIN LATERAL (
  SELECT delivery_id, external_system, kind, subject, waits_for, attempts, due_at, last_attempt_at, last_status_code,
    last_error, created_at
  FROM deliveries AS each WHERE each.external_system = s.external_system AND each.status = 'pending'
  ORDER BY due_at LIMIT %(most)s
) d ORDER BY d.due_at, d.delivery_id
"""


def _all(rows: Cursor[Row], query: str, **told: Any) -> list[Row]:
    rows.execute(query.encode(), told)
    return rows.fetchall()


def latest(rows: Cursor[Row]) -> list[Row]:
    """When each kind of call last worked, and when it last did not."""
    return _all(rows, LATEST)


def down(rows: Cursor[Row], at: datetime, systems: list[str]) -> dict[str, float]:
    """Systems whose latest calls reached nobody: since how many seconds. Not, if nobody called for an hour."""
    return {row["external_system"]: row["seconds"] for row in _all(rows, DOWN, at=at, systems=systems)}


def waiting(rows: Cursor[Row], at: datetime) -> dict[str, Row]:
    """For each system: deliveries that wait, and since when the oldest of those that were due does."""
    return {row["external_system"]: row for row in _all(rows, WAITING, at=at)}


def failed(rows: Cursor[Row], at: datetime) -> dict[str, int]:
    """For each system: deliveries given up within a day."""
    return {row["external_system"]: row["failed"] for row in _all(rows, FAILED, at=at)}


def dead_letters(rows: Cursor[Row]) -> dict[str, int]:
    """Dead letters that nobody has dealt with, by integration (at most 100,000 are counted)."""
    return {row["integration_type"]: row["pending"] for row in _all(rows, DEAD_LETTERS)}


def mes(rows: Cursor[Row], at: datetime) -> Row:
    """How old the newest word of a machine is, and how many machines are said to run."""
    (found,) = _all(rows, MES_AGE, at=at)
    return found


def calls(rows: Cursor[Row], at: datetime, span: timedelta) -> Row:
    """Calls of either direction in a stretch of time: how many, how many failed, and the 95th percentile."""
    (found,) = _all(rows, CALLS, at=at, span=span)
    return found


def calls_by_system(rows: Cursor[Row], at: datetime, span: timedelta) -> dict[tuple[str, str], Row]:
    """The same for each system and direction."""
    found = _all(rows, CALLS_BY_SYSTEM, at=at, span=span)
    return {(row["external_system"], row["direction"]): row for row in found}


def next_attempts(rows: Cursor[Row], systems: list[str], most: int) -> list[Row]:
    """What waits to be told to these systems, the next due first; of each system at most so many."""
    return _all(rows, NEXT_ATTEMPTS, systems=systems, most=most)
