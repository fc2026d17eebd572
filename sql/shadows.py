"""The read models a second time: filled from the log, compared with the real ones, and what those are put right by."""

from dataclasses import dataclass
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

from sql.migrations.tables import isolate, open_to_rebuild
from sql.read_models.registry import NOT_FROM_EVENTS, TABLES, WRITTEN_AT

COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = format('public.%%I', %s::text)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
KEY = """
SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
WHERE indrelid = format('public.%%I', %s::text)::regclass AND indisprimary
ORDER BY array_position(indkey, attnum)
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a table holds, what it should hold, and the rows that are missing, different or too many."""

    table: str
    rows_before: int
    rows_after: int
    missing: int
    different: int
    superfluous: int

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return self.missing + self.different + self.superfluous


def create(cursor: Cursor[Any]) -> None:
    """Make the shadows: temporary tables of the same names, which hide the real ones from this connection.

    So the read models' own code fills them without knowing. They are isolated by tenant like the real ones, because
    that code relies on it, and they are gone with the connection, however it ends.
    """
    for table in TABLES:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING ALL)".encode())
        for statement in (*isolate(f"pg_temp.{table}"), *open_to_rebuild(f"pg_temp.{table}")):
            cursor.execute(statement.encode())


def analyze(cursor: Cursor[Any]) -> None:
    """Tell the planner how many rows the shadows have; nobody else does that for temporary tables."""
    for table in TABLES:
        cursor.execute(SQL("ANALYZE pg_temp.{}").format(Identifier(table)))


def hold_projectors(cursor: Cursor[Any]) -> None:
    """Let every projector wait until this transaction ends; readers, and people who acknowledge, do not notice."""
    cursor.execute("LOCK TABLE ops.projection_offsets IN SHARE ROW EXCLUSIVE MODE")


def see_all_tenants(cursor: Cursor[Any]) -> None:
    """Show the owner all tenants' rows until this transaction ends."""
    cursor.execute("SELECT set_config('app.is_rebuilding', 'on', true), set_config('work_mem', '64MB', true)")


def compare(cursor: Cursor[Any], table: str) -> Difference:
    """How a table differs from its shadow in what events tell."""
    key, told = _key(cursor, table), _told(cursor, table)
    cursor.execute(
        SQL(
            "SELECT count(live.tenant_id), count(again.tenant_id), "
            "count(*) FILTER (WHERE live.tenant_id IS NULL), "
            "count(*) FILTER (WHERE live.tenant_id IS NOT NULL AND again.tenant_id IS NOT NULL AND {differ}), "
            "count(*) FILTER (WHERE again.tenant_id IS NULL) "
            "FROM public.{table} AS live FULL JOIN pg_temp.{table} AS again USING ({key})"
        ).format(differ=_differ(told), table=Identifier(table), key=_list(key))
    )
    (counts,) = cursor.fetchall()
    return Difference(table, *counts)


def repair(cursor: Cursor[Any], table: str) -> None:
    """Give a table the rows of its shadow, touching only rows that differ and only what events tell."""
    key, told = _key(cursor, table), _told(cursor, table)
    names = _list([*told, *(name for name in _columns(cursor, table) if name in NOT_FROM_EVENTS.get(table, ()))])
    same = SQL(" AND ").join(SQL("live.{0} = again.{0}").format(Identifier(name)) for name in key)
    changes = SQL(", ").join(SQL("{0} = again.{0}").format(Identifier(name)) for name in told if name not in key)
    for statement in (
        "DELETE FROM public.{table} AS live WHERE NOT EXISTS (SELECT FROM pg_temp.{table} AS again WHERE {same})",
        "UPDATE public.{table} AS live SET {changes} FROM pg_temp.{table} AS again WHERE {same} AND {differ}",
        "INSERT INTO public.{table} ({names}) SELECT {names} FROM pg_temp.{table} AS again "
        "WHERE NOT EXISTS (SELECT FROM public.{table} AS live WHERE {same})",
    ):
        cursor.execute(
            SQL(statement).format(
                table=Identifier(table), same=same, changes=changes, differ=_differ(told), names=names
            )
        )


def _columns(cursor: Cursor[Any], table: str) -> list[str]:
    cursor.execute(COLUMNS, [table])
    return [name for (name,) in cursor.fetchall()]


def _key(cursor: Cursor[Any], table: str) -> list[str]:
    cursor.execute(KEY, [table])
    return [name for (name,) in cursor.fetchall()]


def _told(cursor: Cursor[Any], table: str) -> list[str]:
    """The columns whose values come from events alone."""
    others = (*NOT_FROM_EVENTS.get(table, ()), WRITTEN_AT)
    return [name for name in _columns(cursor, table) if name not in others]


def _differ(told: list[str]) -> Composed:
    sides = (SQL(", ").join(SQL(side + ".{}").format(Identifier(name)) for name in told) for side in ("live", "again"))
    return SQL("({}) IS DISTINCT FROM ({})").format(*sides)


def _list(names: list[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))
