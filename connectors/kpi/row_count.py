"""`row_count`: a table has so many rows."""

from typing import Annotated

from msgspec import Meta
from psycopg import sql

from connectors.kpi.sources import PLANT, SourceName, TableName, columns_of, looked_at, named, only_row, shown, table_of
from connectors.kpi.verdict import Asked, Looking, Verdict, count

Rows = Annotated[int, Meta(ge=0, le=2**53)]


class RowCount(Asked, frozen=True, kw_only=True, tag="row_count"):
    """At least and at most so many rows; one of both may be absent."""

    table: TableName
    source: SourceName = PLANT
    least: Rows | None = None
    most: Rows | None = None

    def __post_init__(self) -> None:
        """Raise ValueError where no number of rows would do, or any."""
        if self.least is None and self.most is None:
            raise ValueError("row_count needs least or most")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least is more than most")


def judge(asked: RowCount, looking: Looking) -> Verdict:
    """Count the rows. Raises CannotJudge."""
    table = table_of(asked.table)
    query = sql.SQL("SELECT count(*) AS rows FROM {}").format(named(*table))
    with looked_at(looking, asked.source) as cursor:
        if not columns_of(cursor, table):
            return Verdict(False, 0.0, f"There is no table {table} in {asked.source}.", {"found": None})
        rows = int(only_row(cursor, query, [])["rows"])
    evidence = {"found": {"rows": rows}, "asked_with": [shown(query, [])]}
    score = score_of(asked, rows)
    return Verdict(score == 1, score, _told(asked, rows, str(table)), evidence)


def score_of(asked: RowCount, rows: int) -> float:
    """1 within the bounds; outside how near it is to the bound, from 0 to below 1."""
    if asked.least is not None and rows < asked.least:
        return rows / asked.least
    if asked.most is not None and rows > asked.most:
        return asked.most / rows
    return 1.0


def _told(asked: RowCount, rows: int, table: str) -> str:
    least = "" if asked.least is None else f" at least {asked.least}"
    most = "" if asked.most is None else f" at most {asked.most}"
    both = " and" if least and most else ""
    return f"{table} has {count(rows, 'row')}; asked for:{least}{both}{most}."
