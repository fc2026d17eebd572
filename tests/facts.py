"""Rows as tests put them into tables: told are the columns that matter, the others get something plain."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from schemas.settings import DEFAULT_TENANT
from tests.messages import NOON

NEEDED = """
SELECT attname, format_type(atttypid, NULL) AS kind, attnum = ANY(coalesce(indkey::int2[], '{}')) AS is_key
FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
"""
PLAIN: dict[str, Any] = {
    "text": "plain",
    "boolean": False,
    "timestamp with time zone": NOON,
    "date": NOON.date(),
    "jsonb": {},
    "bytea": b"{}",
    "uuid": DEFAULT_TENANT,
}
# What a CHECK wants is no plain word.
FITTING = {
    "priority": "normal",
    "severity": "medium",
    "result": "pass",
    "quantity_ordered": 1,
    "direction": "outbound",
    "external_system": "ERP",
    "transaction_type": "consumption",
    "current_status": "off_duty",
    "batches": [],
}
STATUS = {
    "work_orders": "released",
    "machines": "idle",
    "reservations": "reserved",
    "operator_shifts": "ended",
    "machine_status_history": "idle",
    "integration_failures": "pending_manual_review",
}
_numbers: Iterator[int] = iter(range(1, 10**9))


def put(cursor: psycopg.Cursor[Any], table: str, **told: Any) -> None:
    """One row. A key that is not told is a new one."""
    fields = {name: _plain(table, name, kind, is_key) for name, kind, is_key in _needed(cursor.connection, table)}
    fields |= told
    names = SQL(", ").join(map(Identifier, fields))
    values = SQL(", ").join([SQL("%s")] * len(fields))
    query = SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(table), names, values)
    cursor.execute(query, [Jsonb(each) if isinstance(each, dict | list) else each for each in fields.values()])


def _plain(table: str, name: str, kind: str, is_key: bool) -> Any:
    if name == "status":
        return STATUS[table]
    if is_key and kind == "text":
        return f"{name}-{next(_numbers)}"
    if is_key and kind in ("integer", "bigint"):
        return next(_numbers)
    return FITTING.get(name, PLAIN.get(kind, 0))


_known: dict[str, list[tuple[str, str, bool]]] = {}


def _needed(connection: psycopg.Connection[Any], table: str) -> list[tuple[str, str, bool]]:
    if table not in _known:
        with connection.cursor(row_factory=tuple_row) as cursor:
            _known[table] = cursor.execute(NEEDED, [table]).fetchall()
    return _known[table]
