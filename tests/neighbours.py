"""Two tenants whose every text holds a word that only they know: events in the log, rows in every table."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from connectors.gateway.oee_shown import KINDS, UNITS
from schemas.codec import decode
from schemas.definitions import OEE_LOSSES
from schemas.topics import MESSAGES
from sql.database import ensure_tenant
from streams.driver import Output
from tests.contracts.examples import example_bytes
from tests.integration.events import event

Rows = psycopg.Cursor[dict[str, Any]]
HOUR: Final = timedelta(hours=1)
NOW: Final = datetime.now(UTC).replace(microsecond=0)
SPACE: Final = UUID("00000000-0000-4000-8000-00000000feed")


class Neighbour(NamedTuple):
    """A tenant: its word stands in all its texts, its letter in the ids that the other does not have."""

    tenant_id: str
    letter: str
    word: str


FREE: Final = re.compile(
    r"description|message|text|reason|instructions|_name$|^name$|email|phone|title|department|location|inspector"
    r"|category|variant|actor|_by$|preference|line$"
)
A_NAME: Final = re.compile(r"(_id|_key|_number|_code|_ref|^provider)$")
UUIDS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOT_OURS: Final = frozenset({"tenant_id", "reason_code", "downtime_reason_code", "error_code", "correlation_id"})


# -- events ------------------------------------------------------------------------------------------------------------


def golden(who: Neighbour, letter: str = "") -> list[Output]:
    """Every golden message as if this tenant had said it. With a letter their names are others than those without."""
    told = []
    for name in MESSAGES:
        document = _said_by(json.loads(example_bytes(name)), "", who, letter)
        original = document["payload"].get("original_message")
        if original is not None:
            coded = base64.b64encode(json.dumps(original).encode()).decode()
            document["payload"]["original_bytes_base64"] = coded
        told.append(event(decode(json.dumps(document).encode())))
    return told


def _said_by(value: Any, name: str, who: Neighbour, letter: str) -> Any:
    if isinstance(value, dict):
        return {key: _said_by(each, key, who, letter) for key, each in value.items()}
    if isinstance(value, list):
        return [_said_by(each, name, who, letter) for each in value]
    if name == "tenant_id":
        return who.tenant_id
    if not isinstance(value, str) or name in NOT_OURS:
        return value
    if A_NAME.search(name):
        return named(value, letter)
    return f"{value} {who.word}" if FREE.search(name) else value


def named(value: str, letter: str) -> str:
    """A name that only one of them has."""
    if not letter:
        return value
    if UUIDS.fullmatch(value):
        return value[:-1] + letter
    first, slash, rest = value.partition("/")
    return f"{first}-{letter}{slash}{rest}"


def _names_of_examples() -> dict[str, str]:
    """The names that the golden messages use, by their field."""
    found: dict[str, str] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, key)
        elif isinstance(value, list):
            for each in value:
                walk(each, name)
        elif isinstance(value, str) and A_NAME.search(name):
            found.setdefault(name, value)

    for name in MESSAGES:
        walk(json.loads(example_bytes(name))["payload"], "")
    return found


# -- rows --------------------------------------------------------------------------------------------------------------

TABLES = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attname = 'tenant_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'ops')) ORDER BY 1
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS kind, a.attnotnull AS is_needed,
  a.atthasdef AS has_default, a.attidentity <> '' OR a.attgenerated <> '' AS is_made,
  (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
   WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND a.attnum = ANY (k.conkey)) AS rule,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey))
    AS is_key,
  (SELECT ARRAY[k.confrelid::regclass::text, f.attname] FROM pg_constraint k
   CROSS JOIN unnest(k.conkey, k.confkey) AS pair(here, there)
   JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = pair.there
   WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND pair.here = a.attnum LIMIT 1) AS refers_to
FROM pg_attribute a
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
FORMS: Final[dict[tuple[str, str], Any]] = {
    ("run_tasks", "complexity"): "moderate",
    ("oee_calculations", "inputs"): Jsonb(
        {
            "planned_seconds": 3600,
            "productive_seconds": 1800,
            "losses": dict.fromkeys(OEE_LOSSES, 0),
            "seconds": dict.fromkeys(KINDS.values(), 60),
        }
        | dict.fromkeys(UNITS, 1)
    ),
}
"""Columns that hold more than their type says: what is read from them has a form."""
Made = dict[str, list[dict[str, Any]]]


def tenant_tables(rows: Rows) -> list[str]:
    """Every table with a tenant."""
    return [each["name"] for each in rows.execute(TABLES).fetchall()]


def fill(rows: Rows, who: Neighbour, but: Sequence[str]) -> dict[str, str]:
    """Two rows in every table of tenants but some: one with names that both have. What could not be filled, and why."""
    ensure_tenant(rows, who.tenant_id)
    known, made = _names_of_examples(), Made()
    waiting = {name: rows.execute(COLUMNS, [name]).fetchall() for name in tenant_tables(rows) if name not in but}
    troubles: dict[str, str] = {}
    while waiting:
        ready = [name for name, columns in waiting.items() if not _awaited(name, columns, waiting)]
        for name in ready or list(waiting)[:1]:
            columns = waiting.pop(name)
            for letter in ("", who.letter):
                row = _row(name, columns, who, letter, known, made)
                try:
                    with rows.connection.transaction():
                        made.setdefault(name, []).append(_insert(rows, name, row))
                except psycopg.Error as error:
                    troubles[name] = str(error).partition("\n")[0]
    return troubles


def _awaited(name: str, columns: Sequence[Mapping[str, Any]], waiting: Mapping[str, Any]) -> set[str]:
    parents = {each["refers_to"][0] for each in columns if each["refers_to"]}
    return (parents - {name}) & waiting.keys()


def _insert(rows: Rows, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    query = SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        Identifier(*table.split(".")), SQL(", ").join(map(Identifier, row)), SQL(", ").join([SQL("%s")] * len(row))
    )
    found = rows.execute(query, list(row.values())).fetchone()
    assert found is not None
    return found


def _row(
    table: str,
    columns: Sequence[Mapping[str, Any]],
    who: Neighbour,
    letter: str,
    known: Mapping[str, str],
    made: Made,
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for each in columns:
        name = each["name"]
        if each["is_made"] or (name.startswith(("deleted_", "revoked_", "done_")) and not each["is_needed"]):
            continue
        if name == "tenant_id":
            row[name] = who.tenant_id
        elif each["refers_to"] and (parents := made.get(each["refers_to"][0])):
            row[name] = parents[-1 if letter else 0][each["refers_to"][1]]
        elif not each["refers_to"] and (value := _value(table, each, who, letter, known)) is not None:
            row[name] = value
    return row


def _value(table: str, column: Mapping[str, Any], who: Neighbour, letter: str, known: Mapping[str, str]) -> Any:
    """A value that fits, or None where the default will do."""
    name, kind, rule = column["name"], column["kind"], column["rule"] or ""
    if (table, name) in FORMS:
        return FORMS[table, name]
    if kind in ("text", "character varying"):
        if column["has_default"]:
            return None
        if rule and (allowed := re.search(r"'([^']+)'::", rule)):
            return allowed[1]
        if name in known or column["is_key"] or A_NAME.search(name):
            return named(known.get(name, name.replace("_", "-")), letter)
        return f"{name} {who.word}"
    if kind == "text[]":
        return [who.word]
    if column["has_default"] or not column["is_needed"]:
        return None
    if kind == "uuid":
        return uuid5(SPACE, f"{table}/{name}/{letter}")
    if kind == "jsonb":
        return Jsonb({"text": who.word})
    if kind == "bytea":
        return json.dumps({"text": who.word}).encode()
    is_end = re.search(r"end|_to|^to_|until|finish|due|expires", name)
    if kind == "timestamp with time zone":
        return NOW + HOUR if is_end else NOW - HOUR
    if kind == "date":
        return (NOW + 24 * HOUR if is_end else NOW - 24 * HOUR).date()
    return False if kind == "boolean" else 2 if letter and kind in ("integer", "bigint") else 1


def words_seen(rows: Rows, table: str, tenant_id: str) -> str:
    """All rows of a tenant as text; the transaction may see those of all tenants."""
    query = SQL("SELECT coalesce(string_agg(kept::text, ' '), '') AS told FROM {} kept WHERE tenant_id = %s")
    found = rows.execute(query.format(Identifier(*table.split("."))), [tenant_id]).fetchone()
    assert found is not None
    return str(found["told"])


def names_of(rows: Rows, tables: Sequence[str]) -> dict[str, list[str]]:
    """The names in a tenant's rows: by column, and by `table.id`."""
    names: dict[str, set[str]] = {}
    for table in tables:
        for each in rows.execute(SQL("SELECT * FROM {} LIMIT 20").format(Identifier(*table.split(".")))).fetchall():
            for column, value in each.items():
                if value is None or not (A_NAME.search(column) or column == "id"):
                    continue
                names.setdefault(f"{table}.id" if column == "id" else column, set()).add(str(value))
    return {name: sorted(found) for name, found in names.items()}
