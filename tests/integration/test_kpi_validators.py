"""Validators look at a real Postgres: what they find is right, and nobody's name, rule or table makes them do more."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from connectors.kpi.registry import judged
from connectors.kpi.verdict import Looking, Verdict
from schemas.settings import DEFAULT_TENANT
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEIRD = """we"ird; %s DROP TABLE lab.orders; --"""
QUOTED = '"' + WEIRD.replace('"', '""') + '"'
LAB = f"""
CREATE TYPE lab.mood AS ENUM ('good', 'bad');
CREATE TABLE lab.orders (id bigint NOT NULL, code varchar(20), quantity numeric(18,6), status text, mood lab.mood,
  tags text[], at timestamptz, "a%b" integer);
INSERT INTO lab.orders VALUES
  (1, 'WO-1', 5, 'open', 'good', '{{}}', '2026-11-22T11:00:00Z', 1),
  (2, 'WO-2', -1, 'open', 'bad', NULL, '2026-11-22T11:30:00Z', 2),
  (2, 'XX-3', 200, 'lost', NULL, NULL, NULL, 3),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE lab.empty (id integer, at timestamptz);
CREATE TABLE lab.{QUOTED} ({QUOTED} text, document json);
INSERT INTO lab.{QUOTED} VALUES ('x', '{{}}'), ('x', '{{}}');
CREATE MATERIALIZED VIEW lab.copied AS SELECT id, code FROM lab.orders;
CREATE TABLE lab.hidden (id integer);
CREATE TABLE lab.half (id integer, secret text);
CREATE FUNCTION lab.write() RETURNS integer LANGUAGE sql AS 'INSERT INTO lab.empty VALUES (1) RETURNING id';
CREATE VIEW lab.trap AS SELECT lab.write() AS id;
CREATE VIEW lab.slow AS SELECT pg_sleep(30)::text AS id;
GRANT USAGE ON SCHEMA lab TO plant_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA lab TO plant_analyst;
GRANT INSERT ON lab.empty TO plant_analyst;
REVOKE ALL ON lab.hidden, lab.half FROM plant_analyst;
GRANT SELECT (id) ON lab.half TO plant_analyst;
"""


@pytest.fixture(scope="module")
def lab(migrated: RunningPlant) -> Iterator[RunningPlant]:
    """A plant whose Postgres has tables of a task, too."""
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA lab")
        connection.execute(LAB.encode())
        yield migrated
        connection.execute("DROP SCHEMA lab CASCADE")


def judge(plant: RunningPlant, entry: dict[str, Any], left: float = 20, tenant: str = DEFAULT_TENANT) -> Verdict:
    """What a validator finds in the plant's Postgres, as analysts see it, or in a source by another name."""
    sources = {"away": "postgresql://nobody:secret-word@127.0.0.1:1/x", "own": plant.owner_url}
    settings = plant.settings(kpi_database_url=json.dumps(sources))
    return judged(entry, Looking(settings, tenant, AT, lambda: left))


def rows(table: str, **asked: Any) -> dict[str, Any]:
    return {"validator": "row_count", "table": table, "least": 1} | asked


def rule(kind: str, column: str, table: str = "lab.orders", **asked: Any) -> dict[str, Any]:
    return {"validator": "quality_rules", "table": table, "rules": [{"rule": kind, "column": column} | asked]}


@pytest.mark.parametrize(
    ("asked", "is_passed", "score"),
    [({"least": 4, "most": 4}, True, 1), ({"least": 5}, False, 0.8), ({"least": 0, "most": 3}, False, 0.75)],
)
def test_rows_are_counted(lab: RunningPlant, asked: dict[str, Any], is_passed: bool, score: float) -> None:
    found = judge(lab, rows("lab.orders", **asked))
    assert (found.is_passed, found.score) == (is_passed, score)
    assert found.evidence["found"] == {"rows": 4}
    assert found.evidence["asked_with"][0]["query"] == 'SELECT count(*) AS rows FROM "lab"."orders"'
    assert found.evidence["looked_at"] == AT.isoformat()


def test_a_table_that_is_not_there_is_a_failure(lab: RunningPlant) -> None:
    for entry in (
        rows("lab.nobody"),
        {"validator": "schema_diff", "table": "lab.nobody", "columns": {"id": "int"}},
        rule("not_null", "id", "lab.nobody"),
    ):
        found = judge(lab, entry)
        assert (found.is_passed, found.score) == (False, 0), entry
        assert found.message == "There is no table lab.nobody in plant."


COLUMNS: dict[str, Any] = {
    "id": {"type": "bigint", "is_nullable": False},
    "code": "varchar(20)",
    "quantity": "numeric(18,6)",
    "status": "text",
    "mood": "mood",
    "tags": "text[]",
    "at": "timestamptz",
    "a%b": "int",
}


def schema(columns: dict[str, Any], table: str = "lab.orders", **asked: Any) -> dict[str, Any]:
    return {"validator": "schema_diff", "table": table, "columns": columns} | asked


def test_a_schema_as_asked_has_no_difference(lab: RunningPlant) -> None:
    found = judge(lab, schema(COLUMNS))
    assert (found.is_passed, found.score) == (True, 1), found
    assert found.evidence["found"]["at"] == {"type": "timestamp with time zone", "is_nullable": True}


def test_a_schema_that_differs_is_told_column_by_column(lab: RunningPlant) -> None:
    asked = {name: told for name, told in COLUMNS.items() if name != "mood"} | {"code": "text", "gone": "text"}
    found = judge(lab, schema(asked))
    assert found.is_passed is False
    assert found.score == pytest.approx(6 / 9)
    assert found.message == "lab.orders differs (missing: gone; extra: mood; different: code)."
    assert found.evidence["difference"]["different"]["code"]["found"]["type"] == "character varying(20)"
    assert judge(lab, schema({"id": "int8"}, may_have_more=True)).is_passed is True


def test_a_materialized_view_has_columns_too(lab: RunningPlant) -> None:
    assert judge(lab, schema({"id": "bigint", "code": "varchar"}, "lab.copied")).is_passed is True


@pytest.mark.parametrize(
    ("entry", "share"),
    [
        (rule("not_null", "id"), 1),
        (rule("not_null", "code"), 0.75),
        (rule("not_null", "a%b"), 0.75),
        (rule("range", "quantity", least=0, most=200), 0.75),
        (rule("range", "quantity", least=-1), 1),
        (rule("range", "quantity", most=199.5), 0.75),
        (rule("range", "at", least="2026-11-22T11:15:00Z"), 0.75),
        (rule("set", "status", values=["open", "lost"]), 1),
        (rule("set", "status", values=["open"]), 0.75),
        (rule("set", "mood", values=["good"]), 0.75),
        (rule("set", "id", values=[1, 2]), 0.75),
        (rule("regex", "code", pattern="^WO-[0-9]+$"), 0.75),
        (rule("regex", "id", pattern="^[0-9]$"), 1),
        (rule("freshness", "at", at_most_seconds=1800), 1),
        (rule("freshness", "at", at_most_seconds=900), 0.5),
        (rule("freshness", "at", "lab.empty", at_most_seconds=900), 0),
        (rule("not_null", "id", "lab.empty"), 1),
        (rule("not_null", "nobody"), 0),
    ],
    ids=lambda told: json.dumps(told["rules"]) if isinstance(told, dict) else None,
)
def test_rows_that_break_a_rule_are_counted(lab: RunningPlant, entry: dict[str, Any], share: float) -> None:
    found = judge(lab, entry)
    assert (found.score, found.is_passed) == (share, share == 1), found


@pytest.mark.parametrize(("columns", "broken"), [(["id"], 1), (["id", "code"], 0), (["tags"], 0), (["status"], 1)])
def test_rows_beyond_the_first_with_the_same_break_uniqueness(
    lab: RunningPlant, columns: list[str], broken: int
) -> None:
    entry = {"validator": "quality_rules", "table": "lab.orders", "rules": [{"rule": "unique", "columns": columns}]}
    assert judge(lab, entry).evidence["found"][0]["broken"] == broken


def test_several_rules_are_told_in_one_sentence(lab: RunningPlant) -> None:
    entry = rule("not_null", "code")
    entry["rules"] += rule("not_null", "id")["rules"] + rule("range", "quantity", least=0)["rules"]
    found = judge(lab, entry)
    told = "not_null of code: 1 row of 4; range of quantity: 1 row of 4"
    assert found.message == f"lab.orders breaks 2 of 3 rules: {told}."
    assert found.score == pytest.approx((0.75 + 1 + 0.75) / 3)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (rows("lab.hidden"), "may not be read here"),
        (schema({"id": "int"}, "lab.half"), "may not be read here: 1 hidden, secret"),
        (rows("lab.trap"), "read-only transaction"),
        (rows("lab.orders", source="away"), "'away' cannot be reached"),
        (rows("lab.orders", source="nobody"), "No database is called 'nobody' here; known: away, own, plant"),
        (rows("lab.orders", source="postgresql://127.0.0.1/x"), "No database is called"),
        (rows("pg_catalog.pg_authid"), "a table of the system"),
        (rows("PG_CATALOG.pg_authid"), "a table of the system"),
        (rows("information_schema.tables"), "a table of the system"),
        (rows("pg_stat_activity"), "a table of the system"),
        (rows("lab."), "is no name of a table"),
        (rows(".orders"), "is no name of a table"),
        (rows("lab.a\0b"), "is no name of a table"),
        (rule("range", "status", least=0), "operator does not exist"),
        (rule("range", "id", least="one"), "invalid input syntax"),
        (rule("regex", "code", pattern="("), "invalid regular expression"),
        (rule("set", "id", values=[True]), "operator does not exist"),
        (rule("freshness", "code", at_most_seconds=1), "invalid input syntax"),
        (rule("range", "id", least="a\0b"), "NUL"),
    ],
    ids=lambda told: json.dumps(told)[:60] if isinstance(told, dict) else None,
)
def test_who_cannot_look_says_why_and_that_is_no_failure(lab: RunningPlant, entry: dict[str, Any], words: str) -> None:
    found = judge(lab, entry)
    assert (found.is_passed, found.score) == (None, None), found
    assert words in found.message
    assert "secret-word" not in str(found)


def test_a_question_that_takes_too_long_is_broken_off(lab: RunningPlant) -> None:
    found = judge(lab, rule("not_null", "id", "lab.slow"), left=0.3)
    assert found.is_passed is None
    assert found.message == "Could not be judged: The database 'plant' did not answer within 0.3 s."


INJECTIONS = [
    'orders"; DROP TABLE lab.orders; --',
    "orders; DROP TABLE lab.orders",
    "orders WHERE false; --",
    "orders' OR '1'='1",
    "orders/**/",
    "%s",
    "%(x)s",
    "{}",
    "orders UNION SELECT 1",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_names_and_values_stays_a_name_or_a_value(lab: RunningPlant, text: str) -> None:
    for entry in (rows(f"lab.{text}"), rows(f"{text}.orders"), schema({"id": "int"}, f"lab.{text}")):
        found = judge(lab, entry)
        assert found.is_passed is False, found
        assert found.message.startswith("There is no table "), found
    for kind, further in (("not_null", {}), ("freshness", {"at_most_seconds": 9}), ("regex", {"pattern": "."})):
        assert "no column" in judge(lab, rule(kind, text, **further)).message
    assert judge(lab, rule("set", "status", values=[text])).score == 0.25
    assert judge(lab, rule("range", "status", least=text)).score is not None
    assert judge(lab, schema({text: text}, may_have_more=True)).evidence["difference"]["missing"] == [text]
    assert judge(lab, rows("lab.orders")).evidence["found"] == {"rows": 4}


def test_the_strangest_names_can_be_judged(lab: RunningPlant) -> None:
    table = f"lab.{WEIRD}"
    assert judge(lab, rows(table)).evidence["found"] == {"rows": 2}
    assert judge(lab, rule("set", WEIRD, table, values=["x"])).score == 1
    assert judge(lab, rule("regex", WEIRD, table, pattern="y")).score == 0
    unique = {"validator": "quality_rules", "table": table, "rules": [{"rule": "unique", "columns": [WEIRD]}]}
    assert judge(lab, unique).score == 0.5
    unique["rules"] = [{"rule": "unique", "columns": ["document"]}]
    assert "type json" in judge(lab, unique).message


def test_a_tenant_is_judged_by_its_own_rows(lab: RunningPlant) -> None:
    name = uuid4().hex
    with lab.rows() as cursor:
        cursor.execute(
            "INSERT INTO projects (tenant_id, name) VALUES (%s, %s) RETURNING project_id", [DEFAULT_TENANT, name]
        )
    entry = rule("set", "name", "projects", values=["nothing is called so"])
    assert judge(lab, entry).score is not None
    assert judge(lab, rows("projects")).evidence["found"]["rows"] >= 1
    assert judge(lab, rows("projects"), tenant=NEIGHBOUR).evidence["found"] == {"rows": 0}


def test_a_source_may_be_one_url_or_nothing_that_can_be_read(lab: RunningPlant) -> None:
    def found(told: str, source: str) -> Verdict:
        settings = lab.settings(kpi_database_url=told)
        return judged(rows("lab.orders", source=source), Looking(settings, DEFAULT_TENANT, AT, lambda: 20.0))

    assert found(lab.owner_url, "default").is_passed is True
    assert "neither a URL nor a JSON object" in found('{"a": 1}', "a").message
    assert "cannot be reached" in found("not a url", "default").message or found("not a url", "default").score is None
