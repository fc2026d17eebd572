"""Databases that validators look at: by a configured name, in a transaction that only reads and gives up in time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import psycopg
import structlog
from msgspec import Meta
from psycopg import errors, sql
from psycopg.rows import dict_row

from connectors.kpi.verdict import CannotJudge, Looking
from schemas.settings import Settings

log = structlog.get_logger()

Row = dict[str, Any]
Cursor = psycopg.Cursor[Row]
SourceName = Annotated[str, Meta(min_length=1, max_length=63)]
TableName = Annotated[str, Meta(min_length=1, max_length=127)]
ColumnName = Annotated[str, Meta(min_length=1, max_length=63)]

PLANT: Final = "plant"
ONLY: Final = "default"
CONNECT_SECONDS: Final = 3
# They tell of the server and of who else uses it, not of a task's result.
OF_THE_SYSTEM: Final = ("pg_", "information_schema")

BEGIN = """
SELECT set_config('statement_timeout', %(limit)s, true), set_config('lock_timeout', %(limit)s, true),
  set_config('TimeZone', 'UTC', true), set_config('app.current_tenant_id', %(tenant)s, true)
"""
# Every column there is; information_schema leaves out materialized views, and what the role may not read.
COLUMNS = """
SELECT a.attname AS name, pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS is_shown,
  coalesce(i.data_type, pg_catalog.format_type(a.atttypid, NULL)) AS data_type, i.udt_name,
  coalesce(i.is_nullable = 'YES', NOT a.attnotnull) AS is_nullable,
  i.character_maximum_length AS length, i.numeric_precision AS precision, i.numeric_scale AS scale
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN information_schema.columns i
  ON i.table_schema = n.nspname AND i.table_name = c.relname AND i.column_name = a.attname
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0
  AND NOT a.attisdropped
ORDER BY a.attnum
"""


class Table(NamedTuple):
    """A table of a source."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def addresses(settings: Settings) -> Mapping[str, str]:
    """The databases that may be looked at by their names: the plant's as analysts see it, and those configured.

    Raises CannotJudge where KPI_DATABASE_URL is neither a URL nor JSON.
    """
    known = {PLANT: settings.analyst_database_url} if settings.analyst_database_url else {}
    told = (settings.kpi_database_url or "").strip()
    if not told.startswith("{"):
        return known | ({ONLY: told} if told else {})
    try:
        return known | msgspec.json.decode(told, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise CannotJudge("KPI_DATABASE_URL is neither a URL nor a JSON object of names and URLs.") from error


@contextmanager
def looked_at(looking: Looking, source: str) -> Iterator[Cursor]:
    """A moment of a database, for the caller's tenant where it knows tenants; nothing can be written.

    Raises CannotJudge: an unknown name, a database that is away, refuses or takes too long, a question it rejects.
    """
    known = addresses(looking.settings)
    if source not in known:
        raise CannotJudge(f"No database is called {source!r} here; known: {', '.join(sorted(known)) or 'none'}.")
    seconds = looking.patience()
    try:
        with psycopg.connect(known[source], row_factory=dict_row, connect_timeout=CONNECT_SECONDS) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.cursor() as cursor:
                limit = f"{max(1, round(seconds * 1000))}ms"
                cursor.execute(BEGIN, {"limit": limit, "tenant": looking.tenant_id})
                yield cursor
                connection.rollback()
    except psycopg.Error as error:
        raise CannotJudge(_reason(source, seconds, error), sqlstate=error.sqlstate) from error


def _reason(source: str, seconds: float, error: psycopg.Error) -> str:
    """Why it could not be looked at; the address of a database that is away stands in the log alone."""
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable):
        return f"The database {source!r} did not answer within {seconds:.3g} s."
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        log.warning("kpi_source_is_away", source=source, reason=str(error).strip())
        return f"The database {source!r} cannot be reached."
    told = error.diag.message_primary or str(error) or type(error).__name__
    return f"The database {source!r} does not answer this: {told.splitlines()[0].rstrip('.')}."


def table_of(text: str) -> Table:
    """A table by its name, of the schema `public` unless it names one. Raises CannotJudge for the system's tables."""
    schema, dot, name = text.partition(".")
    found = Table(schema, name) if dot else Table("public", text)
    if not all(found) or "\0" in text:
        raise CannotJudge(f"{text!r} is no name of a table: name one as table or schema.table.")
    if found.schema.lower().startswith(OF_THE_SYSTEM) or found.name.lower().startswith("pg_"):
        raise CannotJudge(f"{found} is a table of the system; it holds no result of a task.")
    return found


def columns_of(cursor: Cursor, table: Table) -> list[Row]:
    """The columns of a table; none: it is not there. Raises CannotJudge where the role may not see all of them."""
    cursor.execute(COLUMNS, list(table))
    found = cursor.fetchall()
    hidden = [row["name"] for row in found if not row["is_shown"]]
    if hidden:
        names = ", ".join(hidden[:5])
        raise CannotJudge(f"{table} is there, but may not be read here: {len(hidden)} hidden, {names}.")
    return found


def named(*names: str) -> sql.Composable:
    """A quoted identifier, whatever is in it; psycopg would take a % in it for a place for a value."""
    quoted = sql.Identifier(*names).as_string(None).replace("%", "%%")
    return sql.SQL(quoted)


def only_row(cursor: Cursor, query: sql.Composed, parameters: list[Any]) -> Row:
    """The one row of a query that always has one."""
    cursor.execute(query, parameters)
    (row,) = cursor.fetchall()
    return row


def shown(query: sql.Composed, parameters: list[Any]) -> Row:
    """A query as evidence: its text and its values apart, as they were sent."""
    return {"query": " ".join(query.as_string(None).split()), "parameters": parameters}
