"""The same table descriptions on SQLite: its types, no tenants' policies, no rights, no comments."""

from collections.abc import Iterable
from typing import Final

from sql.migrations.tables import Table, lines_of

TYPES: Final = {"uuid": "CHAR(32)", "timestamptz": "TIMESTAMP", "jsonb": "JSON"}


def create_on_sqlite(table: Table) -> Iterable[str]:
    """The statements that make a table and its indexes."""
    body = [f"{name} {_kind(kind)}" for name, kind, _ in lines_of(table)]
    body += [f"PRIMARY KEY ({table.key})", *table.constraints]
    yield f"CREATE TABLE {table.name} ({', '.join(body)})"
    for number, index in enumerate(table.indexes, 1):
        yield f"CREATE INDEX {table.name}_{number} ON {table.name} {index}"


def _kind(kind: str) -> str:
    first, _, rest = kind.partition(" ")
    return f"{TYPES.get(first, first)} {rest}".strip()
