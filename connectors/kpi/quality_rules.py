"""`quality_rules`: the rows of a table keep rules. Names are quoted, values are parameters, nothing else is SQL."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta
from psycopg import sql

from connectors.kpi.sources import (
    PLANT,
    ColumnName,
    Cursor,
    SourceName,
    Table,
    TableName,
    columns_of,
    looked_at,
    named,
    only_row,
    shown,
    table_of,
)
from connectors.kpi.verdict import Asked, Looking, Verdict, count

Number = int | float
Value = Number | Annotated[str, Meta(max_length=500)]
FUTURE_SECONDS: Final = 300.0


class Rule(msgspec.Struct, frozen=True, kw_only=True, tag_field="rule", forbid_unknown_fields=True):
    """What the rows of a table must keep. What is empty breaks `not_null` alone."""

    @property
    def about(self) -> tuple[str, ...]:
        """The columns it is about."""
        return (getattr(self, "column"),)  # noqa: B009 -- every rule but `unique` has one


class NotNull(Rule, frozen=True, kw_only=True, tag="not_null"):
    """A column is never empty."""

    column: ColumnName


class Unique(Rule, frozen=True, kw_only=True, tag="unique"):
    """No two rows have the same in these columns."""

    columns: Annotated[list[ColumnName], Meta(min_length=1, max_length=32)]

    @property
    def about(self) -> tuple[str, ...]:
        """The columns it is about."""
        return tuple(self.columns)


class Range(Rule, frozen=True, kw_only=True, tag="range"):
    """A column lies between these, which it may be; numbers, or texts that the column's type understands."""

    column: ColumnName
    least: Value | None = None
    most: Value | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a range without an end."""
        if self.least is None and self.most is None:
            raise ValueError("a range needs least or most")


class Members(Rule, frozen=True, kw_only=True, tag="set"):
    """A column is one of these."""

    column: ColumnName
    values: Annotated[list[Value | bool], Meta(min_length=1, max_length=1000)]


class Regex(Rule, frozen=True, kw_only=True, tag="regex"):
    """A column, as text, matches a regular expression of Postgres; `^` and `$` bind it to the ends."""

    column: ColumnName
    pattern: Annotated[str, Meta(min_length=1, max_length=500)]


class Freshness(Rule, frozen=True, kw_only=True, tag="freshness"):
    """The newest row of a table is not older than that, by a column with moments."""

    column: ColumnName
    at_most_seconds: Annotated[float, Meta(gt=0, le=1e9)]


class QualityRules(Asked, frozen=True, kw_only=True, tag="quality_rules"):
    """Rules for the rows of a table."""

    table: TableName
    rules: Annotated[list[NotNull | Unique | Range | Members | Regex | Freshness], Meta(min_length=1, max_length=50)]
    source: SourceName = PLANT


class Broken(NamedTuple):
    """The rows that break a rule, counted in SQL, with its values."""

    counted: sql.Composable
    values: list[Any]


class Kept(NamedTuple):
    """How far a rule is kept: the share of rows, and what is told of it."""

    share: float
    found: dict[str, Any]


def not_null(rule: NotNull) -> Broken:
    """Rows without it."""
    return Broken(sql.SQL("count(*) - count({})").format(named(rule.column)), [])


def unique(rule: Unique) -> Broken:
    """Rows beyond the first with the same; what is empty is like nothing else."""
    columns = [named(each) for each in rule.columns]
    row = sql.SQL("ROW({})").format(sql.SQL(", ").join(columns))
    full = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(each) for each in columns)
    counted = sql.SQL("count(*) FILTER (WHERE {full}) - count(DISTINCT {row}) FILTER (WHERE {full})")
    return Broken(counted.format(full=full, row=row), [])


def within(rule: Range) -> Broken:
    """Rows below the least or above the most."""
    ends = ((sql.SQL("{} < %s"), rule.least), (sql.SQL("{} > %s"), rule.most))
    asked = [(outside.format(named(rule.column)), end) for outside, end in ends if end is not None]
    return Broken(_filtered(sql.SQL(" OR ").join(outside for outside, _ in asked)), [end for _, end in asked])


def members(rule: Members) -> Broken:
    """Rows with anything else."""
    places = sql.SQL(", ").join([sql.SQL("%s")] * len(rule.values))
    return Broken(_filtered(sql.SQL("{} NOT IN ({})").format(named(rule.column), places)), list(rule.values))


def regex(rule: Regex) -> Broken:
    """Rows that do not match."""
    return Broken(_filtered(sql.SQL("{}::text !~ %s").format(named(rule.column))), [rule.pattern])


def _filtered(condition: sql.Composable) -> sql.Composable:
    return sql.SQL("count(*) FILTER (WHERE {})").format(condition)


COUNTED: Final[Mapping[type[Rule], Callable[[Any], Broken]]] = {
    NotNull: not_null,
    Unique: unique,
    Range: within,
    Members: members,
    Regex: regex,
}


def judge(asked: QualityRules, looking: Looking) -> Verdict:
    """Look for rows that break the rules, all at one moment. Raises CannotJudge."""
    table = table_of(asked.table)
    with looked_at(looking, asked.source) as cursor:
        there = {row["name"] for row in columns_of(cursor, table)}
        if not there:
            return Verdict(False, 0.0, f"There is no table {table} in {asked.source}.", {"found": None})
        kept = [_kept(cursor, table, there, rule, looking) for rule in asked.rules]
    score = sum(each.share for each in kept) / len(kept)
    broken = [each.found for each in kept if each.share < 1]
    told = "; ".join(each["told"] for each in broken)
    sentence = f"{table} breaks {len(broken)} of {count(len(kept), 'rule')}: {told}." if broken else ""
    evidence = {"found": [{"share": each.share} | each.found for each in kept]}
    return Verdict(not broken, score, sentence or f"{table} keeps {count(len(kept), 'rule')}.", evidence)


def _kept(cursor: Cursor, table: Table, there: set[str], rule: Rule, looking: Looking) -> Kept:
    """How far a rule is kept. Raises CannotJudge that names the rule."""
    named_rule = f"{msgspec.to_builtins(rule)['rule']} of {', '.join(rule.about)}"
    looking.patience()
    if missing := [each for each in rule.about if each not in there]:
        return Kept(0.0, {"rule": named_rule, "told": f"{named_rule}: no column {', '.join(missing)}"})
    if isinstance(rule, Freshness):
        return _fresh(cursor, table, rule, looking.at, named_rule)
    broken = COUNTED[type(rule)](rule)
    query = sql.SQL("SELECT count(*) AS rows, {} AS broken FROM {}").format(broken.counted, named(*table))
    row = only_row(cursor, query, broken.values)
    told = f"{named_rule}: {count(row['broken'], 'row')} of {row['rows']}"
    share = 1 - row["broken"] / row["rows"] if row["rows"] else 1.0
    return Kept(share, {"rule": named_rule, "told": told} | row | shown(query, broken.values))


def _fresh(cursor: Cursor, table: Table, rule: Freshness, at: datetime, named_rule: str) -> Kept:
    """How old the newest row is; one far in the future says nothing about freshness."""
    query = sql.SQL("SELECT extract(epoch FROM %s - max({})::timestamptz)::float8 AS age_seconds FROM {}").format(
        named(rule.column), named(*table)
    )
    age = only_row(cursor, query, [at])["age_seconds"]
    evidence = {"rule": named_rule, "age_seconds": age} | shown(query, [at.isoformat()])
    if age is None:
        return Kept(0.0, evidence | {"told": f"{named_rule}: no row has a moment"})
    if age < -FUTURE_SECONDS:
        return Kept(0.0, evidence | {"told": f"{named_rule}: the newest lies {-age:.0f} s in the future"})
    share = 1.0 if age <= rule.at_most_seconds else rule.at_most_seconds / age
    return Kept(share, evidence | {"told": f"{named_rule}: the newest is {age:.0f} s old"})
