"""Circuit breakers of external systems, one for all processes: what one process learns, the others know."""

from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

ENSURE = "INSERT INTO ops.circuit_breakers (external_system) VALUES (%s) ON CONFLICT DO NOTHING"
PROBE = """
UPDATE ops.circuit_breakers SET state = 'half-opened', probe_at = clock_timestamp(), updated_at = now()
WHERE external_system = %(system)s AND (
  (state = 'opened' AND opened_at + make_interval(secs => %(open_seconds)s) <= clock_timestamp())
  OR (state = 'half-opened' AND probe_at + make_interval(secs => %(probe_seconds)s) <= clock_timestamp()))
RETURNING state
"""
LOOK = """
SELECT state, failure_count,
  CASE state WHEN 'opened' THEN opened_at + make_interval(secs => %(open_seconds)s)
    ELSE probe_at + make_interval(secs => %(probe_seconds)s) END AS until
FROM ops.circuit_breakers WHERE external_system = %(system)s
"""


def enter(rows: Cursor[Row], system: str, open_seconds: float, probe_seconds: float) -> tuple[Row, bool]:
    """The breaker as a call finds it, and whether this call is the one probe of a breaker that was open long enough.

    A probe that was never heard of again is followed by another after `probe_seconds`.
    """
    values = {"system": system, "open_seconds": open_seconds, "probe_seconds": probe_seconds}
    rows.execute(ENSURE, [system])
    rows.execute(PROBE, values)
    is_probe = rows.fetchone() is not None
    rows.execute(LOOK, values)
    found = rows.fetchone()
    assert found is not None
    return found, is_probe


FAIL = """
UPDATE ops.circuit_breakers SET failure_count = failure_count + 1, updated_at = now(), last_error = %(error)s,
  state = CASE WHEN opens THEN 'opened' ELSE state END,
  opened_at = CASE WHEN opens THEN clock_timestamp() ELSE opened_at END,
  openings = openings + opens::int
FROM (SELECT state = 'closed' AND failure_count + 1 >= %(threshold)s AS opens FROM ops.circuit_breakers
      WHERE external_system = %(system)s FOR UPDATE) AS seen
WHERE external_system = %(system)s RETURNING opens, openings
"""


def fail(rows: Cursor[Row], system: str, threshold: int, error: str) -> int | None:
    """Count a failure in a row; the number of the opening, if this one opened the breaker."""
    rows.execute(FAIL, {"system": system, "threshold": threshold, "error": error[:1000]})
    found = rows.fetchone()
    return int(found["openings"]) if found and found["opens"] else None


def recover(rows: Cursor[Row], system: str) -> None:
    """The system answered: no failures in a row."""
    rows.execute(
        "UPDATE ops.circuit_breakers SET failure_count = 0, updated_at = now() WHERE external_system = %s", [system]
    )


def close(rows: Cursor[Row], system: str) -> None:
    """The probe came back well."""
    rows.execute(
        "UPDATE ops.circuit_breakers SET state = 'closed', failure_count = 0, probe_at = NULL, updated_at = now() "
        "WHERE external_system = %s",
        [system],
    )


def reopen(rows: Cursor[Row], system: str) -> None:
    """The probe failed: open for as long again."""
    rows.execute(
        "UPDATE ops.circuit_breakers SET state = 'opened', opened_at = clock_timestamp(), probe_at = NULL, "
        "updated_at = now() WHERE external_system = %s",
        [system],
    )


def accepted(rows: Cursor[Row], system: str) -> None:
    """A delivery succeeded."""
    rows.execute(
        "UPDATE ops.circuit_breakers SET refusals = 0, last_success_at = now() WHERE external_system = %s", [system]
    )


def refused(rows: Cursor[Row], system: str) -> int:
    """A delivery failed for want of authentication; how many did in a row."""
    rows.execute(
        "UPDATE ops.circuit_breakers SET refusals = refusals + 1 WHERE external_system = %s RETURNING refusals",
        [system],
    )
    found = rows.fetchone()
    return int(found["refusals"]) if found else 0


STATES = """
SELECT external_system, state, failure_count, opened_at, probe_at, openings, last_error, last_success_at, updated_at
FROM ops.circuit_breakers ORDER BY external_system
"""


def states(rows: Cursor[Row]) -> list[Row]:
    """Every breaker that was ever asked."""
    rows.execute(STATES)
    return rows.fetchall()
