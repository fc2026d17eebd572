"""OEE of shifts and days as it is asked for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Cursor

from sql.reads.pages import cursor_of, values_of

Row = dict[str, Any]

# The latest window first; the lines of one window together.
PAGE = """
SELECT id::text AS id, level, subject_id, line, work_center_id::text AS work_center_id, bucket, shift_name, day,
  from_at, to_at, computed_until, is_settled, availability, performance, quality, oee, inputs, restated_at,
  calculated_at, version
FROM oee_calculations
WHERE level = %(level)s AND bucket = %(bucket)s AND to_at > %(from_at)s AND from_at < %(to_at)s
  AND (%(line)s::text IS NULL OR line = %(line)s) AND (%(subject_id)s::text IS NULL OR subject_id = %(subject_id)s)
  AND (%(shift)s::text IS NULL OR shift_name = %(shift)s)
  AND (%(after_from)s::timestamptz IS NULL
    OR (from_at, subject_id, id) < (%(after_from)s, %(after_subject)s, %(after_id)s::uuid))
ORDER BY from_at DESC, subject_id DESC, id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which rows are wanted: those with time between two moments; what is None is not asked for."""

    level: str
    bucket: str
    from_at: datetime
    to_at: datetime
    line: str | None = None
    subject_id: str | None = None
    shift: str | None = None


def page(rows: Cursor[Row], asked: Asked, limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """A page of rows and the cursor of the next. Raises BadCursor."""
    after = values_of(cursor, 3) if cursor else [None, None, None]
    told = dict(zip(("after_from", "after_subject", "after_id"), after, strict=True))
    rows.execute(PAGE, vars(asked) | told | {"limit": limit + 1})
    found = rows.fetchall()
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursor_of([last["from_at"].isoformat(), last["subject_id"], last["id"]])


def shifts(rows: Cursor[Row]) -> list[str]:
    """The names of shifts that there are rows of."""
    rows.execute("SELECT DISTINCT shift_name FROM oee_calculations WHERE bucket = 'shift' ORDER BY shift_name")
    return [row["shift_name"] for row in rows.fetchall()]
