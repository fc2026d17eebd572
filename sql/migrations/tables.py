"""Writes the DDL of tenant tables from one description each: columns with comments, row-level security, grants."""

from collections.abc import Iterable
from dataclasses import dataclass

TENANT = "nullif(current_setting('app.current_tenant_id', true), '')::uuid"
REBUILDING = "current_setting('app.is_rebuilding', true) = 'on'"


@dataclass(frozen=True)
class Table:
    """A table: what one row means, its columns (`name type | comment` a line), its keys and indexes."""

    name: str
    meaning: str
    columns: str
    key: str
    indexes: tuple[str, ...] = ()
    is_of_tenant: bool = True


def create(table: Table) -> Iterable[str]:
    """The statements that make a table with its comments, rights and policy."""
    lines = [_column(line) for line in table.columns.strip().splitlines()]
    if table.is_of_tenant:
        lines.insert(0, ("tenant_id", "uuid NOT NULL", "tenant whose row this is"))
    body = ", ".join([*(f"{name} {kind}" for name, kind, _ in lines), f"PRIMARY KEY ({table.key})"])
    yield f"CREATE TABLE {table.name} ({body})"
    yield f"COMMENT ON TABLE {table.name} IS {_text(table.meaning)}"
    for name, _, comment in lines:
        yield f"COMMENT ON COLUMN {table.name}.{name} IS {_text(comment)}"
    yield from (f"CREATE INDEX ON {table.name} {index}" for index in table.indexes)
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO plant_app"
    if table.is_of_tenant:
        yield from isolate(table.name)
    if table.is_of_tenant and not table.name.startswith("ops."):
        yield from open_to_rebuild(table.name)
        yield f"GRANT SELECT ON {table.name} TO plant_analyst"


def isolate(name: str) -> Iterable[str]:
    """The statements that show a table's rows to their tenant only, whoever asks."""
    policy = f"{name.split('.')[-1]}_tenant_isolation"
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY {policy} ON {name} USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})"


def open_to_rebuild(name: str) -> Iterable[str]:
    """The statement that lets the owner of a table compare all tenants' rows with the log, while it says so."""
    policy = f"{name.split('.')[-1]}_rebuild"
    yield f"CREATE POLICY {policy} ON {name} TO CURRENT_USER USING ({REBUILDING}) WITH CHECK ({REBUILDING})"


def _column(line: str) -> tuple[str, str, str]:
    definition, _, comment = (part.strip() for part in line.partition("|"))
    name, _, kind = definition.partition(" ")
    return name, kind, comment


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
