"""The data dictionary: what analysts may read, as the catalogue itself tells it."""

import re
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

# What a CHECK allows is written by Postgres as: status = ANY (ARRAY['a'::text, 'b'::text]).
_ALLOWED = re.compile(r"^CHECK \(\((\w+) = ANY \(ARRAY\[(.*)\]\)\)\)$")
_VALUE = re.compile(r"'((?:[^']|'')*)'::text")

TABLES = """
SELECT c.relname AS name, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
  coalesce(obj_description(c.oid, 'pg_class'), '') AS meaning,
  CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid, true) END AS definition,
  ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
    WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum)) AS key,
  ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') AS checks
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND has_table_privilege('plant_analyst', c.oid, 'SELECT')
ORDER BY c.relkind DESC, c.relname
"""
COLUMNS = """
SELECT c.relname AS table_name, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
  NOT a.attnotnull AS is_nullable, coalesce(col_description(c.oid, a.attnum), '') AS comment
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
ORDER BY c.relname, a.attnum
"""


def tables(cursor: Cursor[Row]) -> list[Row]:
    """Every view and table that analysts may read, views first, with its columns and their comments."""
    cursor.execute(TABLES)
    found = {row["name"]: row | {"columns": []} for row in cursor.fetchall()}
    allowed = {name: _allowed(row.pop("checks")) for name, row in found.items()}
    cursor.execute(COLUMNS)
    for column in cursor.fetchall():
        table = column.pop("table_name")
        if table in found:
            told = {"is_key": column["name"] in found[table]["key"], "values": allowed[table].get(column["name"], [])}
            found[table]["columns"].append(column | told)
    return list(found.values())


def _allowed(checks: list[str]) -> dict[str, list[str]]:
    """The values that a column may have, where a CHECK lists them."""
    matches = filter(None, map(_ALLOWED.match, checks))
    return {match[1]: [value.replace("''", "'") for value in _VALUE.findall(match[2])] for match in matches}
