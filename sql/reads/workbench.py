"""What the workbench of dead letters shows besides the list: rows by their keys, and a letter's neighbours."""

from collections.abc import Sequence
from typing import Any

from psycopg import Cursor

from sql.reads.failures import FILTER, HEAD

Row = dict[str, Any]


def by_keys(cursor: Cursor[Row], keys: Sequence[str]) -> list[Row]:
    """Dead letters as the list shows them, latest first; keys that are not known are left out."""
    cursor.execute(
        f"SELECT {HEAD} FROM integration_failures WHERE failure_key = ANY(%(keys)s) "
        "ORDER BY failed_at DESC, failure_key DESC".encode(),
        {"keys": list(keys)},
    )
    return cursor.fetchall()


def standing(cursor: Cursor[Row], failure_id: str) -> str | None:
    """How a letter stands, by its id or key, in a word that changes with everything that is done about it."""
    cursor.execute(
        "SELECT status || '.' || (SELECT count(*) FILTER (WHERE settled_at IS NULL) || '.' || count(*) "
        "FROM failure_actions AS acted WHERE acted.failure_key = letter.failure_key) AS standing "
        "FROM integration_failures AS letter WHERE failure_id = %(id)s OR failure_key = %(id)s LIMIT 1",
        {"id": failure_id},
    )
    found = cursor.fetchone()
    return found["standing"] if found else None


def neighbours(cursor: Cursor[Row], wanted: Row, letter: Row) -> tuple[str | None, str | None]:
    """The ids of the letters before (later) and after (earlier) this one in the same list."""
    here = wanted | {"at": letter["failed_at"], "key": letter["failure_key"]}
    found: list[str | None] = []
    for sign, order in ((">", "ASC"), ("<", "DESC")):
        cursor.execute(
            f"SELECT failure_id FROM integration_failures WHERE {FILTER} "
            f"AND (failed_at, failure_key) {sign} (%(at)s::timestamptz, %(key)s) "
            f"ORDER BY failed_at {order}, failure_key {order} LIMIT 1".encode(),
            here,
        )
        row = cursor.fetchone()
        found.append(row["failure_id"] if row else None)
    return found[0], found[1]
