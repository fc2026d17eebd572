"""Stops of lines: written by the process that stopped, read by whoever shows them, ended by a person."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

COLUMNS = (
    "stop_id, line, stopped_at, stopped_by, cause, error_code, error_path, failures, messages, failure_key, "
    "resumed_at, resumed_by, resume_reason"
)
LET_THROUGH = f"""
SELECT {COLUMNS} FROM line_stops
WHERE line = %(line)s AND cause = %(cause)s AND error_code = %(error_code)s
  AND error_path IS NOT DISTINCT FROM %(error_path)s AND resumed_at >= %(came_at)s
ORDER BY resumed_at DESC LIMIT 1
"""
STOP = """
INSERT INTO line_stops (tenant_id, stop_id, line, stopped_at, stopped_by, cause, error_code, error_path,
  failures, messages, failure_key)
VALUES (%(tenant_id)s, %(stop_id)s, %(line)s, %(stopped_at)s, %(stopped_by)s, %(cause)s, %(error_code)s, %(error_path)s,
  %(failures)s, %(messages)s, %(failure_key)s)
ON CONFLICT DO NOTHING
"""


def stop(rows: Cursor[Row], told: Row) -> Row | None:
    """Stop a line, or join the stop that another process wrote; the stop that counts.

    One that is resumed already knew the cause when the last message came (`came_at`): the line need not stand. None:
    somebody resumed it this moment; ask again.
    """
    rows.execute(LET_THROUGH, told)
    if (known := rows.fetchone()) is not None:
        return known
    rows.execute(STOP, told)
    return standing(rows, told["line"])


def standing(rows: Cursor[Row], line: str) -> Row | None:
    """The stop of a line that stands."""
    rows.execute(f"SELECT {COLUMNS} FROM line_stops WHERE line = %s AND resumed_at IS NULL", [line])
    return rows.fetchone()


def one(rows: Cursor[Row], stop_id: str) -> Row | None:
    """A stop by its id."""
    rows.execute(f"SELECT {COLUMNS} FROM line_stops WHERE stop_id = %s", [stop_id])
    return rows.fetchone()


RECENT = f"""
SELECT DISTINCT ON (line, error_code, error_path, cause, resumed_at IS NULL) {COLUMNS} FROM line_stops
WHERE line = ANY(%s)
ORDER BY line, error_code, error_path, cause, resumed_at IS NULL, resumed_at DESC
"""


def known(rows: Cursor[Row], lines: Sequence[str]) -> list[Row]:
    """The stops of these lines that stand, and of each cause the last one that somebody ended."""
    rows.execute(RECENT, [list(lines)])
    return rows.fetchall()


LATEST = f"SELECT DISTINCT ON (line) {COLUMNS} FROM line_stops ORDER BY line, stopped_at DESC, stop_id"


def latest(rows: Cursor[Row]) -> dict[str, Row]:
    """The latest stop of each line that ever stood."""
    rows.execute(LATEST)
    return {row["line"]: row for row in rows.fetchall()}


RESUME = f"""
UPDATE line_stops SET resumed_at = clock_timestamp(), resumed_by = %(actor)s, resume_reason = %(reason)s
WHERE line = %(line)s AND resumed_at IS NULL RETURNING {COLUMNS}
"""


def resume(rows: Cursor[Row], line: str, actor: str, reason: str | None) -> Row | None:
    """Let a line go on; None if it does not stand."""
    rows.execute(RESUME, {"line": line, "actor": actor, "reason": reason})
    return rows.fetchone()
