"""Writes the DDL of tenant tables from one description each: columns with comments, row-level security, grants."""

from collections.abc import Iterable
from dataclasses import dataclass

TENANT = "nullif(current_setting('app.current_tenant_id', true), '')::uuid"
OF_A_TENANT = ("uuid NOT NULL", "tenant whose row this is")
REBUILDING = "current_setting('app.is_rebuilding', true) = 'on'"


@dataclass(frozen=True)
class Table:
    """A table: what one row means, its columns (`name type | comment` a line), its keys, constraints and indexes.

    An index is what follows the table's name, or that behind a name of its own. `is_shared`: rows without a tenant are
    shown to everybody, and written by the owner alone.
    """

    name: str
    meaning: str
    columns: str
    key: str
    indexes: tuple[str, ...] = ()
    is_of_tenant: bool = True
    constraints: tuple[str, ...] = ()
    is_shared: bool = False


def create(table: Table) -> Iterable[str]:
    """The statements that make a table with its comments, rights and policy."""
    lines = lines_of(table)
    keys = [f"PRIMARY KEY ({table.key})", *table.constraints]
    body = ", ".join([*(f"{name} {kind}" for name, kind, _ in lines), *keys])
    yield f"CREATE TABLE {table.name} ({body})"
    yield f"COMMENT ON TABLE {table.name} IS {text_of(table.meaning)}"
    for name, _, comment in lines:
        yield f"COMMENT ON COLUMN {table.name}.{name} IS {text_of(comment)}"
    for index in table.indexes:
        name, _, columns = index.partition("(")
        yield f"CREATE INDEX {name}ON {table.name} ({columns}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO plant_app"
    if table.is_of_tenant:
        yield from isolate(table.name, is_shared=table.is_shared)
    if table.is_of_tenant and not table.name.startswith("ops."):
        yield from open_to_rebuild(table.name)
        yield f"GRANT SELECT ON {table.name} TO plant_analyst"


def lines_of(table: Table) -> list[tuple[str, str, str]]:
    """Of each column its name, its type with its rules, and what it holds; the tenant first."""
    lines = [_column(line) for line in table.columns.strip().splitlines()]
    if not table.is_of_tenant:
        return lines
    tenant = ("uuid", "tenant whose row this is; none: everybody's") if table.is_shared else OF_A_TENANT
    return [("tenant_id", *tenant), *lines]


def isolate(name: str, *, is_shared: bool = False) -> Iterable[str]:
    """The statements that show a table's rows to their tenant only, whoever asks; shared rows to everybody, to read."""
    policy = f"{name.split('.')[-1]}_tenant_isolation"
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    shown = f"tenant_id = {TENANT} OR tenant_id IS NULL" if is_shared else f"tenant_id = {TENANT}"
    yield f"CREATE POLICY {policy} ON {name} USING ({shown}) WITH CHECK (tenant_id = {TENANT})"
    for command in ("UPDATE", "DELETE") if is_shared else ():
        own = f"{name.split('.')[-1]}_own_{command.lower()}"
        yield f"CREATE POLICY {own} ON {name} AS RESTRICTIVE FOR {command} USING (tenant_id = {TENANT})"


def open_to_rebuild(name: str) -> Iterable[str]:
    """The statement that lets the owner of a table compare all tenants' rows with the log, while it says so."""
    policy = f"{name.split('.')[-1]}_rebuild"
    yield f"CREATE POLICY {policy} ON {name} TO CURRENT_USER USING ({REBUILDING}) WITH CHECK ({REBUILDING})"


def _column(line: str) -> tuple[str, str, str]:
    definition, _, comment = (part.strip() for part in line.partition("|"))
    name, _, kind = definition.partition(" ")
    return name, kind, comment


def text_of(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
