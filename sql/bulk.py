"""Writes many rows at once: COPY into a temporary table, then one set-based statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

from schemas.codec import encode


def load(
    cursor: Cursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], purpose: str = "rows"
) -> Identifier:
    """COPY rows into a temporary table with columns of `table`; its name. It is empty again after the transaction."""
    incoming = Identifier(f"incoming_{table}_{purpose}")
    names = _names(columns)
    cursor.execute(
        SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA").format(
            incoming, names, Identifier(table)
        )
    )
    cursor.execute(SQL("DELETE FROM {}").format(incoming))
    with cursor.copy(SQL("COPY {} ({}) FROM STDIN").format(incoming, names)) as copy:
        for row in rows:
            copy.write_row(row)
    return incoming


def append(cursor: Cursor[Any], table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Add rows that are not there yet, by primary key; how many were new."""
    if not rows:
        return 0
    incoming = load(cursor, table, columns, rows)
    names = _names(columns)
    cursor.execute(
        SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(
            Identifier(table), names, names, incoming
        )
    )
    return cursor.rowcount


def upsert_newer(
    cursor: Cursor[Any],
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    key: Sequence[str],
    keep: Sequence[str] = (),
) -> int:
    """Add rows, or change those whose version is older; columns in `keep` stay as they were first."""
    if not rows:
        return 0
    incoming = load(cursor, table, columns, rows)
    changes = SQL(", ").join(
        SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in columns if name not in (*key, *keep)
    )
    cursor.execute(
        SQL(
            "INSERT INTO {table} AS kept ({names}) SELECT {names} FROM {incoming} "
            "ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE kept.version < EXCLUDED.version"
        ).format(table=Identifier(table), names=_names(columns), incoming=incoming, key=_names(key), changes=changes)
    )
    return cursor.rowcount


def versions(cursor: Cursor[Any], table: str, key: str, ids: Iterable[str]) -> dict[str, int]:
    """The versions that the rows of these ids have now; what is not newer is told again and changes nothing."""
    query = SQL("SELECT {key}, version FROM {table} WHERE {key} = ANY(%s)")
    cursor.execute(query.format(key=Identifier(key), table=Identifier(table)), [list(set(ids))])
    return dict(cursor.fetchall())


def delete_older(cursor: Cursor[Any], table: str, key: str, told: Mapping[str, int]) -> None:
    """Delete the rows of these owners that an older version brought: they are replaced as a whole."""
    query = SQL(
        "DELETE FROM {table} AS kept USING unnest(%s::text[], %s::bigint[]) AS told(owner, version) "
        "WHERE kept.{key} = told.owner AND kept.version < told.version"
    )
    cursor.execute(query.format(key=Identifier(key), table=Identifier(table)), [list(told), list(told.values())])


def as_json(value: Any) -> str | None:
    """A value as JSON text for a jsonb column."""
    return None if value is None else encode(value).decode()


def _names(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))
