"""Columns as people write them are compared with columns as information_schema tells them."""

from typing import Any

import pytest

from connectors.kpi.schema_diff import Column, canonical, difference, spelled


def row(name: str, data_type: str, **fields: Any) -> dict[str, Any]:
    empty = {"udt_name": data_type, "is_nullable": True, "length": None, "precision": None, "scale": None}
    return {"name": name, "data_type": data_type} | empty | fields


FOUND = [
    row("id", "bigint", precision=64, scale=0, is_nullable=False),
    row("code", "character varying", length=50),
    row("note", "text"),
    row("quantity", "numeric", precision=18, scale=6),
    row("tags", "ARRAY", udt_name="_text"),
    row("mood", "USER-DEFINED", udt_name="mood"),
    row("at", "timestamp with time zone"),
]
SAME = {
    "id": "int8",
    "code": "VARCHAR(50)",
    "note": "text",
    "quantity": "decimal( 18, 6 )",
    "tags": "text[]",
    "mood": "mood",
    "at": "timestamptz",
}


def test_columns_that_are_as_asked_do_not_differ() -> None:
    assert difference(SAME, FOUND) == ([], [], {})


def test_a_length_that_nobody_asked_for_does_not_matter() -> None:
    assert difference({"code": "varchar", "quantity": "numeric"}, FOUND).different == {}


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("id", "integer", "bigint"),
        ("code", "varchar(40)", "character varying(50)"),
        ("code", "text", "character varying(50)"),
        ("note", "varchar(50)", "text"),
        ("quantity", "numeric(18)", "numeric(18,6)"),
        ("tags", "text", "text[]"),
        ("tags", "int[]", "text[]"),
        ("mood", "text", "mood"),
        ("at", "timestamp", "timestamp with time zone"),
    ],
)
def test_another_type_differs_and_is_told(name: str, asked: str, found: str) -> None:
    told = difference(SAME | {name: asked}, FOUND)
    assert list(told.different) == [name]
    assert told.different[name]["asked"]["type"] == asked
    assert told.different[name]["found"]["type"] == found


def test_a_column_that_may_be_empty_differs_where_it_must_not() -> None:
    assert difference({"id": Column(type="bigint", is_nullable=False)}, FOUND).different == {}
    assert list(difference({"note": Column(type="text", is_nullable=False)}, FOUND).different) == ["note"]


def test_missing_and_extra_columns_are_named_in_their_order() -> None:
    asked = {"b": "text", "a": "text"} | {name: told for name, told in SAME.items() if name not in ("tags", "id")}
    assert difference(asked, FOUND)[:2] == (["b", "a"], ["id", "tags"])


@pytest.mark.parametrize(
    ("told", "meant"),
    [("INT", "integer"), ("float8[]", "double precision[]"), ("bpchar(3)", "character(3)"), ("json", "json")],
)
def test_a_type_has_one_name(told: str, meant: str) -> None:
    assert canonical(told) == meant
    assert canonical(meant) == meant


def test_a_whole_numeric_is_the_same_with_and_without_its_scale() -> None:
    whole = row("n", "numeric", precision=9, scale=0)
    assert spelled(whole) == "numeric(9,0)"
    assert difference({"n": "numeric(9)"}, [whole]).different == {}
