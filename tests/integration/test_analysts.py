"""What analysts are given: a dictionary that leaves nothing out, ready queries that run, a role that cannot write."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import errors
from starlette.testclient import TestClient

from schemas.settings import DEFAULT_TENANT
from sql.database import rows_of
from sql.reads import dictionary, queries
from tests.facts import put
from tests.gateways import own_gateway
from tests.integration.events import NEIGHBOUR
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

NOW = datetime.now(UTC)
READY = sorted(queries.ready())


def ago(hours: float) -> datetime:
    """So long before the test began."""
    return NOW - timedelta(hours=hours)


@pytest.fixture(scope="module")
def filled(migrated: RunningPlant) -> RunningPlant:
    """A plant in which every ready query finds something."""
    with rows_of(migrated.app_url, DEFAULT_TENANT) as rows:
        made: dict[str, Any] = {
            "product_id": "PROD-1",
            "quantity_ordered": 10,
            "created_at": ago(30),
            "due_date": ago(5),
        }
        ended: dict[str, Any] = {"status": "completed", "actual_start_at": ago(20), "actual_end_at": ago(3)}
        put(rows, "work_orders", work_order_id="WO-1", **made, **ended)
        put(rows, "work_orders", work_order_id="WO-2", **made, status="in_progress")
        put(rows, "work_order_bom", work_order_id="WO-2", material_id="MAT-1", quantity_required=5)
        reading: dict[str, Any] = {"work_order_id": "WO-1", "machine_id": "M-1", "units": 5, "cycle_time_seconds": 2.5}
        for hours in (10, 9, 3):
            put(rows, "production_logs", **reading, scrapped_units=1, produced_at=ago(hours))
        put(rows, "machines", machine_id="M-1")
        put(rows, "machine_status_history", machine_id="M-1", status="running", from_at=ago(8))
        put(rows, "downtime_events", machine_id="M-1", downtime_reason_code="JAM", started_at=ago(4))
        put(rows, "integration_failures", failed_at=ago(1), error_code="BAD")
        put(rows, "integration_audit_log", timestamp=ago(1), success=True, processing_time_ms=12)
        put(rows, "materials", material_id="MAT-1", is_active=True, safety_stock=10, available_quantity=1)
        put(rows, "material_batches", material_id="MAT-1", quantity=3, expiration_date=NOW.date() + timedelta(days=2))
        shift: dict[str, Any] = {"operator_id": "O-1", "shift_date": NOW.date() - timedelta(days=1)}
        put(rows, "operator_shifts", **shift, actual_clock_in=ago(30), actual_clock_out=ago(22))
    return migrated


@pytest.fixture(scope="module")
def analyst(filled: RunningPlant) -> Iterator[TestClient]:
    """Somebody who may read."""
    with own_gateway(filled) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        yield client


def test_the_dictionary_has_every_table_and_column_with_its_meaning(filled: RunningPlant, analyst: TestClient) -> None:
    told = analyst.get("/api/v1/dictionary").json()["tables"]
    with psycopg.connect(filled.owner_url) as connection:
        found = connection.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name <> 'alembic_version' GROUP BY table_name"
        ).fetchall()
    assert {table["name"]: [column["name"] for column in table["columns"]] for table in told} == dict(found)
    assert all(table["meaning"].startswith("One row is ") for table in told)
    assert not [f"{table['name']}.{each['name']}" for table in told for each in table["columns"] if not each["comment"]]


def test_the_dictionary_knows_keys_values_and_what_a_view_is_made_of(analyst: TestClient) -> None:
    tables = {table["name"]: table for table in analyst.get("/api/v1/dictionary").json()["tables"]}
    orders = tables["work_orders"]
    columns = {column["name"]: column for column in orders["columns"]}
    assert orders["key"] == ["tenant_id", "work_order_id"]
    assert columns["work_order_id"]["is_key"]
    assert columns["priority"]["values"] == ["low", "normal", "high", "urgent"]
    assert columns["product_name"]["is_nullable"]
    assert "production_logs" in tables["production_by_hour"]["definition"]
    assert [table["kind"] for table in tables.values()] == sorted((t["kind"] for t in tables.values()), reverse=True)


@pytest.mark.parametrize("name", READY)
def test_a_ready_query_finds_something_as_the_analyst_and_as_it_is_copied(filled: RunningPlant, name: str) -> None:
    query = queries.ready()[name]
    values = query.values({})
    with rows_of(filled.analyst_url, DEFAULT_TENANT) as rows:
        with queries.answered(rows, query, values) as held:
            found = held.fetchall()
        assert found
        rows.execute(query.shown(values).replace("%", "%%").encode(), [])
        assert rows.fetchall() == found


@pytest.mark.parametrize("name", READY)
def test_a_ready_query_shows_a_neighbour_nothing(filled: RunningPlant, name: str) -> None:
    query = queries.ready()[name]
    with (
        rows_of(filled.analyst_url, NEIGHBOUR) as rows,
        queries.answered(rows, query, query.values({})) as held,
    ):
        assert held.fetchall() == []


@pytest.mark.parametrize("name", READY)
def test_a_ready_query_is_explained_asked_and_taken_out(analyst: TestClient, name: str) -> None:
    (told,) = [each for each in analyst.get("/api/v1/queries").json()["queries"] if each["name"] == name]
    assert told["title"]
    assert told["about"].endswith(".")
    assert all(each["about"] for each in told["parameters"])
    wide: dict[str, Any] = {each["name"]: 3000 for each in told["parameters"] if each["kind"] == "integer"}
    result = analyst.get(f"/api/v1/queries/{name}", params=wide).json()
    assert result["rows"]
    assert not result["is_cut"]
    assert all(len(row) == len(result["columns"]) for row in result["rows"])
    assert not re.search(r":'\w+'", result["sql"])
    taken = analyst.get(f"/api/v1/exports/queries/{name}.parquet", params=wide)
    frame = pl.read_parquet(io.BytesIO(taken.content))
    assert frame.columns == [column["name"] for column in result["columns"]]
    assert frame.height == len(result["rows"])
    lines = analyst.get(f"/api/v1/exports/queries/{name}.csv", params=wide).text.splitlines()
    assert len(lines) == frame.height + 1


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("nobody_asks_this", 404, "No ready query is called nobody_asks_this."),
        ("utilization?material=MAT-1", 400, "utilization is not asked by material."),
        ("utilization?days=0", 400, "not valid"),
        ("utilization?days=1%3BDROP%20TABLE%20machines", 400, "not valid"),
    ],
)
def test_what_cannot_be_asked_is_refused(analyst: TestClient, path: str, status: int, words: str) -> None:
    answer = analyst.get(f"/api/v1/queries/{path}")
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_a_value_is_never_read_as_sql(analyst: TestClient) -> None:
    hostile = "x' OR true; DROP TABLE machines; --"
    assert analyst.get("/api/v1/queries/utilization", params={"machine": hostile}).json()["rows"] == []
    assert analyst.get("/api/v1/queries/utilization").json()["rows"]
    shown = queries.ready()["utilization"].shown({"days": 7, "machine": hostile})
    assert "'x'' OR true; DROP TABLE machines; --'" in shown


def test_only_so_many_rows_are_shown(filled: RunningPlant) -> None:
    with own_gateway(filled, query_rows_max=2) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        result = client.get("/api/v1/queries/order_trace?work_order=WO-1").json()
        assert (len(result["rows"]), result["is_cut"]) == (2, True)


def test_a_query_that_takes_too_long_is_broken_off_with_a_sentence(
    filled: RunningPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = queries.Query("slow", "Slow", "Sleeps.", (), "SELECT pg_sleep(30) AS slept")
    monkeypatch.setattr(queries, "ready", lambda: {"slow": slow})
    with own_gateway(filled, query_seconds=0.2) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        answer = client.get("/api/v1/queries/slow")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "Postgres did not find this in 0.2 s. Ask for less of it."


def test_a_ready_query_could_not_write_if_it_tried(filled: RunningPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = queries.Query("writing", "Writes", "Deletes.", (), "DELETE FROM machines")
    monkeypatch.setattr(queries, "ready", lambda: {"writing": writing})
    with own_gateway(filled) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        assert client.get("/api/v1/queries/writing").status_code == 500
    with rows_of(filled.app_url, DEFAULT_TENANT) as rows:
        rows.execute("SELECT count(*) AS machines FROM machines")
        assert rows.fetchall() == [{"machines": 1}]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM machines",
        "INSERT INTO alerts SELECT * FROM alerts",
        "CREATE TABLE mine (id int)",
        "CREATE VIEW mine AS SELECT 1",
        "SELECT * FROM ops.api_keys",
        "SELECT * FROM ops.credentials",
        "COPY machines TO PROGRAM 'true'",
        "CREATE TEMPORARY TABLE mine (id int)",
    ],
)
def test_an_analyst_writes_nothing_and_reads_no_machinery(filled: RunningPlant, statement: str) -> None:
    with psycopg.connect(filled.analyst_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_an_analyst_may_read_all_that_the_dictionary_names(filled: RunningPlant) -> None:
    with psycopg.connect(filled.analyst_url) as connection:
        with rows_of(filled.analyst_url, DEFAULT_TENANT) as rows:
            names = [table["name"] for table in dictionary.tables(rows)]
        for name in names:
            connection.execute(f"SELECT * FROM {name} LIMIT 1".encode())
        seen = connection.execute("SELECT DISTINCT tenant_id::text FROM work_orders").fetchall()
    assert seen == [(DEFAULT_TENANT,)]


def test_the_page_has_queries_files_the_dictionary_and_no_password(filled: RunningPlant, analyst: TestClient) -> None:
    page = analyst.get("/analysts")
    assert page.status_code == 200
    assert all(query.title in page.text for query in queries.ready().values() if "'" not in query.title)
    assert "/api/v1/exports/production-logs.parquet" in page.text
    assert 'id="work_orders"' in page.text
    assert "plant_analyst" in page.text
    passwords = {psycopg.conninfo.conninfo_to_dict(url)["password"] for url in (filled.analyst_url, filled.app_url)}
    assert not [password for password in passwords if str(password) in page.text]


@pytest.mark.parametrize("name", READY)
def test_the_page_of_a_query_shows_its_answer_and_its_sql(analyst: TestClient, name: str) -> None:
    page = analyst.get(f"/analysts/queries/{name}")
    assert page.status_code == 200
    assert "<tbody>" in page.text
    assert "SELECT" in page.text
    assert f"/api/v1/exports/queries/{name}.csv" in page.text
