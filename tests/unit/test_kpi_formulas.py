"""What a task's formula may ask validators for; all else is a sentence, and never a failure of the task."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.kpi.registry import MOST, VALIDATORS, asked_of, formula_of, judged
from connectors.kpi.row_count import RowCount, score_of
from connectors.kpi.verdict import Looking
from schemas.settings import Settings

AT = datetime(2026, 11, 22, tzinfo=UTC)
ROW_COUNT = {"validator": "row_count", "table": "public.orders", "least": 1}
FORMULAS: list[dict[str, Any]] = [
    {"validator": "schema_diff", "table": "orders", "columns": {"id": "bigint", "at": {"type": "timestamptz"}}},
    {"validator": "test_results", "artifact": "unit.xml", "least_pass_rate": 0.98, "least_tests": 10},
    ROW_COUNT,
    {
        "validator": "quality_rules",
        "table": "orders",
        "rules": [
            {"rule": "not_null", "column": "id"},
            {"rule": "unique", "columns": ["id", "line"]},
            {"rule": "range", "column": "quantity", "least": 0, "most": 1.5},
            {"rule": "set", "column": "status", "values": ["open", 3, True]},
            {"rule": "regex", "column": "code", "pattern": "^WO-"},
            {"rule": "freshness", "column": "at", "at_most_seconds": 60},
        ],
    },
    {"validator": "latency", "metric": "gateway_request_seconds", "labels": {"route": "/x"}, "at_most_seconds": 0.3},
    {"validator": "latency", "query": "max(up)", "at_most_seconds": 1},
]


def looking(left: float = 10, report: bytes | None = None, **settings: Any) -> Looking:
    return Looking(Settings(**settings), "tenant", AT, lambda: left, report)


@pytest.mark.parametrize("entry", FORMULAS, ids=lambda entry: entry["validator"])
def test_every_validator_can_be_asked_and_has_who_judges_it(entry: dict[str, Any]) -> None:
    assert type(asked_of(entry)) in VALIDATORS


def test_a_formula_is_read_in_its_order() -> None:
    assert [type(each) for each in formula_of(FORMULAS[:5])] == list(VALIDATORS)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"validator": "row_count", "table": "t"}, "row_count needs least or most"),
        ({"validator": "row_count", "table": "t", "least": 3, "most": 2}, "least is more than most"),
        ({"validator": "row_count", "table": "t", "least": -1}, ">= 0"),
        ({"validator": "row_count", "table": "t", "least": 1, "where": "true"}, "unknown field where"),
        ({"validator": "row_count", "table": "", "least": 1}, "length >= 1"),
        ({"validator": "row_count", "table": "t", "least": 1, "source": ""}, "length >= 1"),
        ({"validator": "schema_diff", "table": "t", "columns": {}}, "length >= 1"),
        ({"validator": "test_results", "least_pass_rate": 1.2}, "<= 1"),
        ({"validator": "test_results", "least_tests": 0}, ">= 1"),
        ({"validator": "quality_rules", "table": "t", "rules": []}, "length >= 1"),
        ({"validator": "quality_rules", "table": "t", "rules": [{"rule": "sql", "text": "1"}]}, "Invalid value 'sql'"),
        ({"validator": "quality_rules", "table": "t", "rules": [{"rule": "range", "column": "a"}]}, "least or most"),
        ({"validator": "latency", "at_most_seconds": 1}, "a metric or a query"),
        ({"validator": "latency", "metric": "m", "query": "q", "at_most_seconds": 1}, "not both"),
        ({"validator": "latency", "query": "q", "labels": {"a": "b"}, "at_most_seconds": 1}, "labels belong"),
        ({"validator": "latency", "metric": "m", "labels": {"le": "1"}, "at_most_seconds": 1}, "le is no label"),
        ({"validator": "latency", "metric": "m", "at_most_seconds": 0}, "> 0"),
        ({"validator": "latency", "metric": "m", "at_most_seconds": float("nan")}, ""),
        ({"validator": "latency", "metric": "m", "quantile": 1, "at_most_seconds": 1}, "< 1"),
        ({"validator": "wishes"}, "Invalid value 'wishes'"),
        ({"table": "t"}, "missing required field validator"),
        ({"validator": 7}, ""),
        ("row_count", ""),
        (None, ""),
    ],
)
def test_a_validator_that_cannot_be_asked_so_is_a_sentence_and_no_failure(entry: Any, words: str) -> None:
    with pytest.raises(ValueError, match="cannot be asked so") as refusal:
        asked_of(entry)
    assert words in str(refusal.value)
    found = judged(entry, looking())
    assert (found.is_passed, found.score) == (None, None)
    assert found.message.startswith("Could not be judged: The validator ")
    assert found.evidence == {"asked": entry, "looked_at": AT.isoformat()}


@pytest.mark.parametrize("document", [None, "row_count", ROW_COUNT, 7])
def test_a_formula_is_a_list(document: Any) -> None:
    with pytest.raises(ValueError, match="is a list"):
        formula_of(document)


def test_a_formula_has_an_end() -> None:
    with pytest.raises(ValueError, match=f"{MOST} validators at most, not {MOST + 1}"):
        formula_of([ROW_COUNT] * (MOST + 1))


@pytest.mark.parametrize("entry", FORMULAS, ids=lambda entry: entry["validator"])
def test_who_has_nothing_to_look_at_says_so(entry: dict[str, Any]) -> None:
    found = judged(entry, looking(analyst_database_url=None, prometheus_url=None))
    assert (found.is_passed, found.score) == (None, None)
    assert any(words in found.message for words in ("No database is called", "is not set", "No test report"))


@pytest.mark.parametrize("entry", FORMULAS, ids=lambda entry: entry["validator"])
def test_nobody_looks_when_the_time_is_over(entry: dict[str, Any]) -> None:
    told = looking(0, b"<testsuite/>", analyst_database_url="postgresql://127.0.0.1:1/x", prometheus_url="http://x")
    assert "took longer than the 20 s" in judged(entry, told).message


@pytest.mark.parametrize(
    ("least", "most", "rows", "score"),
    [(10, None, 10, 1), (10, None, 9, 0.9), (1, None, 0, 0), (None, 4, 4, 1), (None, 4, 8, 0.5), (None, 0, 5, 0)],
)
def test_a_number_of_rows_is_worth_how_near_it_is(least: int | None, most: int | None, rows: int, score: float) -> None:
    assert score_of(RowCount(table="t", least=least, most=most), rows) == score
