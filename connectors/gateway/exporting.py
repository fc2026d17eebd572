"""Rows as a CSV or Parquet file: typed as the API shows them, so many at a time, so that their number costs no memory.

CSV is RFC 4180 in UTF-8, moments in ISO 8601 UTC. A text that a spreadsheet would take for a formula gets an apostrophe
before it; numbers stay numbers, negative ones too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import IO, Annotated, Any, Final, Literal, Union, get_args, get_origin

import polars as pl
from polars.io.plugins import register_io_source
from psycopg import Column, postgres
from pydantic import BaseModel
from pydantic.types import AwareDatetime

from schemas.codec import encode

Form = Literal["csv", "parquet"]
Schema = Mapping[str, pl.DataType]
Row = Mapping[str, Any]

BATCH: Final = 5000
MOMENT: Final = pl.Datetime("us", "UTC")
QUANTITY: Final = pl.Decimal(38, 6)
# OWASP's list for CSV injection; the wide forms are folded to the others in some locales.
FORMULA: Final = r"^[=+\-@\t\r\n＝＋－＠]"

_BY_TYPE: Final[Mapping[Any, pl.DataType]] = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    Decimal: QUANTITY,
    datetime: MOMENT,
    AwareDatetime: MOMENT,
    date: pl.Date(),
}
_BY_NAME: Final[Mapping[str, pl.DataType]] = {
    "bool": pl.Boolean(),
    "int2": pl.Int64(),
    "int4": pl.Int64(),
    "int8": pl.Int64(),
    "float4": pl.Float64(),
    "float8": pl.Float64(),
    "timestamptz": MOMENT,
    "date": pl.Date(),
}


def schema_of(row: type[BaseModel]) -> Schema:
    """The columns of a row as the API shows it; lists and objects are texts of JSON."""
    return {name: _dtype(field.annotation) for name, field in row.model_fields.items()}


def schema_of_result(columns: Sequence[Column]) -> Schema:
    """The columns of a query's result. A numeric of no fixed scale is a float: it was computed."""
    return {each.name: _result_dtype(each) for each in columns}


def write(target: IO[bytes], form: Form, schema: Schema, batches: Iterable[Sequence[Row]]) -> None:
    """Write all rows as one file. What `batches` raises is raised."""

    def frames(columns: list[str] | None, *_: Any) -> Iterator[pl.DataFrame]:
        for rows in batches:
            frame = _frame(schema, rows)
            yield frame if columns is None else frame.select(columns)

    # Polars pulls one batch after the other and writes it; nothing is gathered.
    table = register_io_source(frames, schema=dict(schema))
    if form == "parquet":
        table.sink_parquet(target)
        return
    cells = [_cell(name, dtype) for name, dtype in schema.items()]
    table.with_columns(cells).sink_csv(target, line_terminator="\r\n", datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ")


def _frame(schema: Schema, rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame([_series(name, dtype, [row[name] for row in rows]) for name, dtype in schema.items()])


def _series(name: str, dtype: pl.DataType, values: list[Any]) -> pl.Series:
    return pl.Series(name, list(map(_text, values)) if dtype == pl.String else values, dtype)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return encode(value).decode() if isinstance(value, dict | list | bool | int | float) else str(value)


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as a spreadsheet may read it: texts harmless, quantities with no more decimals than they have."""
    cell = pl.col(name)
    if dtype == pl.String:
        return pl.when(cell.str.contains(FORMULA)).then(pl.lit("'") + cell).otherwise(cell).alias(name)
    if isinstance(dtype, pl.Decimal) and dtype.scale:
        return cell.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    return cell


def _dtype(annotation: Any) -> pl.DataType:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _dtype(get_args(annotation)[0])
    if origin in (Union, UnionType):
        (one, *others) = [each for each in get_args(annotation) if each is not NoneType]
        return pl.String() if others else _dtype(one)
    return _BY_TYPE.get(annotation, pl.String())


def _result_dtype(column: Column) -> pl.DataType:
    known = postgres.types.get(column.type_code)
    name = known.name if known else "text"
    if name == "numeric":
        return pl.Float64() if column.precision is None else pl.Decimal(column.precision, column.scale or 0)
    return _BY_NAME.get(name, pl.String())
