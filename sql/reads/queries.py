"""The ready queries of `sql/queries`: what each asks, with which parameters, and how it is run.

A file begins with comments: its title, what it tells, and a line for each parameter (`:name kind default | meaning`; a
parameter without a default may be left out). Below, `:'name'` stands for a value, as psql has it. Only these files are
ever run; what a browser sends is a value, never text of a query.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from psycopg import Cursor, ServerCursor

Row = dict[str, Any]
Value = int | str | None

FOLDER: Final = Path(__file__).parents[1] / "queries"
_PARAMETER = re.compile(r"^-- :(\w+) (integer|text)(?: (\S+))? \| (.+)$")
_PLACE = re.compile(r":'(\w+)'")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a query may be asked with."""

    name: str
    kind: Literal["integer", "text"]
    default: Value
    about: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question with its answer in SQL."""

    name: str
    title: str
    about: str
    parameters: tuple[Parameter, ...]
    text: str

    def values(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """The value of each parameter: as given, else its default. Raises ValueError for what it cannot be asked."""
        known = {each.name for each in self.parameters}
        told = {name: value for name, value in given.items() if value is not None}
        if needless := sorted(told.keys() - known):
            raise ValueError(f"{self.name} is not asked by {', '.join(needless)}.")
        return {each.name: told.get(each.name, each.default) for each in self.parameters}

    def shown(self, values: Mapping[str, Value]) -> str:
        """The query with its values filled in, to be read and copied."""
        return _PLACE.sub(lambda place: _literal(values[place[1]]), self.text)

    def statement(self) -> bytes:
        """The query for psycopg, which fills the values in."""
        return _PLACE.sub(r"%(\1)s", self.text.replace("%", "%%")).encode()


@cache
def ready() -> Mapping[str, Query]:
    """All of them by name, in the order of their titles."""
    found = [_read(path) for path in FOLDER.glob("*.sql")]
    return {each.name: each for each in sorted(found, key=lambda each: each.title)}


@contextmanager
def answered(cursor: Cursor[Row], query: Query, values: Mapping[str, Value]) -> Iterator[ServerCursor[Row]]:
    """Its answer, held by Postgres and fetched as far as it is wanted; `cursor`'s transaction should only read."""
    with cursor.connection.cursor("asked") as held:
        held.execute(query.statement(), values)
        yield held


def _read(path: Path) -> Query:
    lines = path.read_text().splitlines()
    told = [line for line in lines if line.startswith("--")]
    matches = [_PARAMETER.match(line) for line in told]
    words = [line.removeprefix("-- ") for line, match in zip(told, matches, strict=True) if match is None]
    text = "\n".join(line for line in lines if not line.startswith("--")).strip()
    return Query(path.stem, words[0], " ".join(words[1:]), tuple(map(_parameter, filter(None, matches))), text)


def _parameter(match: re.Match[str]) -> Parameter:
    name, kind, default, about = match.groups()
    if kind == "integer":
        return Parameter(name, "integer", None if default is None else int(default), about)
    return Parameter(name, "text", default, about)


def _literal(value: Value) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
