"""`schema_diff`: a table has the columns that were asked for, with their types."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from connectors.kpi.sources import PLANT, ColumnName, SourceName, TableName, columns_of, looked_at, table_of
from connectors.kpi.verdict import Asked, Looking, Verdict

TypeName = Annotated[str, Meta(min_length=1, max_length=128)]
Row = dict[str, Any]
MOST_COLUMNS: Final = 1600
MOST_NAMED: Final = 10

# What people write, in the words of information_schema.
SAME: Final[Mapping[str, str]] = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "serial": "integer",
    "bigserial": "bigint",
    "smallserial": "smallint",
    "float": "double precision",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "decimal": "numeric",
    "char": "character",
    "bpchar": "character",
    "varchar": "character varying",
    "string": "text",
    "varbit": "bit varying",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column as it should be."""

    type: TypeName
    is_nullable: bool | None = None


class SchemaDiff(Asked, frozen=True, kw_only=True, tag="schema_diff"):
    """Columns by their names, each with its type, or with its type and whether it may be empty."""

    table: TableName
    columns: Annotated[dict[ColumnName, TypeName | Column], Meta(min_length=1, max_length=MOST_COLUMNS)]
    source: SourceName = PLANT
    may_have_more: bool = False


class Difference(NamedTuple):
    """Columns that are not there, that nobody asked for, and that are otherwise (asked for, found)."""

    missing: list[str]
    extra: list[str]
    different: dict[str, Row]


def judge(asked: SchemaDiff, looking: Looking) -> Verdict:
    """Compare the columns. Raises CannotJudge."""
    table = table_of(asked.table)
    with looked_at(looking, asked.source) as cursor:
        rows = columns_of(cursor, table)
    if not rows:
        return Verdict(False, 0.0, f"There is no table {table} in {asked.source}.", {"found": None})
    found = difference(asked.columns, rows)
    if asked.may_have_more:
        found = found._replace(extra=[])
    wrong = len(found.missing) + len(found.extra) + len(found.different)
    score = 1 - wrong / (len(asked.columns) + len(found.extra))
    columns = {row["name"]: {"type": spelled(row), "is_nullable": row["is_nullable"]} for row in rows}
    evidence = {"found": columns, "difference": found._asdict()}
    return Verdict(not wrong, score, _told(str(table), found), evidence)


def difference(asked: Mapping[str, str | Column], rows: list[Row]) -> Difference:
    """What is otherwise than asked for, in the order in which it was asked for, or is there."""
    there = {row["name"]: row for row in rows}
    wanted = {name: Column(type=each) if isinstance(each, str) else each for name, each in asked.items()}
    different = {
        name: {"asked": msgspec.to_builtins(each), "found": {"type": spelled(row), "is_nullable": row["is_nullable"]}}
        for name, each in wanted.items()
        if (row := there.get(name)) is not None and not _fits(each, row)
    }
    return Difference([name for name in wanted if name not in there], [n for n in there if n not in wanted], different)


def spelled(row: Row) -> str:
    """The type of a column in full: `numeric(18,6)`, `character varying(50)`, `text[]`, or the name of a type."""
    if row["data_type"] == "ARRAY":
        return f"{canonical(row['udt_name'].removeprefix('_'))}[]"
    if row["data_type"] == "USER-DEFINED":
        return str(row["udt_name"])
    if row["length"] is not None:
        return f"{row['data_type']}({row['length']})"
    if row["data_type"] == "numeric" and row["precision"] is not None:
        return f"numeric({row['precision']},{row['scale']})"
    return str(row["data_type"])


def canonical(told: str) -> str:
    """A type in the words of information_schema, spaces and capitals set right."""
    words = " ".join(told.lower().split()).replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(", ", ",")
    if words.endswith("[]"):
        return f"{canonical(words[:-2])}[]"
    base, bracket, rest = words.partition("(")
    return f"{SAME.get(base, base)}{bracket}{rest}"


def _fits(asked: Column, row: Row) -> bool:
    """Whether type and emptiness are as asked; a length that nobody asked for does not matter."""
    wanted, there = canonical(asked.type), spelled(row)
    if wanted.startswith("numeric(") and "," not in wanted:
        wanted = f"{wanted[:-1]},0)"
    is_same = wanted in (there, there.partition("(")[0])
    return is_same and asked.is_nullable in (None, row["is_nullable"])


def _told(table: str, found: Difference) -> str:
    parts = [
        f"{word}: {', '.join(names[:MOST_NAMED])}{', ...' if len(names) > MOST_NAMED else ''}"
        for word, names in zip(("missing", "extra", "different"), map(list, found), strict=True)
        if names
    ]
    return f"{table} differs ({'; '.join(parts)})." if parts else f"{table} has the columns that were asked for."
