"""Every list as a file: the same rows as the list, typed, harmless in a spreadsheet, one tenant's only."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg
import pytest
from starlette.testclient import TestClient

from schemas.settings import DEFAULT_TENANT
from sql.database import rows_of
from sql.reads.exports import DATASETS
from tests.facts import put
from tests.gateways import own_gateway
from tests.integration.events import NEIGHBOUR
from tests.messages import NOON, at
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services]

EXPORTS = "/api/v1/exports"
HOSTILE = [
    "=1+1",
    "+49 30 1234",
    "-5",
    "@SUM(A1)",
    "\tTAB",
    "\rCR",
    'a "quoted", text\r\nof two lines',
    "'",
    "",
    "– ümläut 🙂",
]
LISTS = {
    "work-orders": ("/api/v1/work-orders", "work_orders"),
    "machines": ("/api/v1/machines", "machines"),
    "materials": ("/api/v1/materials", "materials"),
    "reservations": ("/api/v1/reservations", "reservations"),
    "operators": ("/api/v1/operators", "operators"),
    "failures": ("/api/v1/failures", "failures"),
    "alerts": ("/api/v1/alerts", "alerts"),
    "deliveries": ("/api/v1/deliveries", "deliveries"),
    "audit": ("/api/v1/audit", "lines"),
}


@pytest.fixture(scope="module")
def filled(migrated: RunningPlant) -> RunningPlant:
    """A plant with some of everything, and one thing of a neighbour."""
    with rows_of(migrated.app_url, DEFAULT_TENANT) as rows:
        for number, text in enumerate(HOSTILE):
            put(
                rows,
                "work_orders",
                work_order_id=f"WO-{number}",
                product_id="PROD-1",
                product_name=text,
                quantity_ordered=Decimal("1.5"),
                due_date=at(number),
                status="in_progress" if number % 2 else "completed",
            )
        put(rows, "machines", machine_id="M-1", machine_name="=cmd", utilization_percentage=12.5)
        put(rows, "materials", material_id="MAT-1", standard_cost=Decimal("0.000001"), on_hand_quantity=5)
        lots = [{"batch_number": "=LOT", "quantity": 1, "expiration_date": None, "location": None}]
        put(rows, "reservations", work_order_id="WO-1", material_id="MAT-1", quantity=Decimal("2.25"), batches=lots)
        put(rows, "operators", operator_id="O-1", phone="+49 30 1", hire_date=date(2020, 2, 29), is_active=True)
        put(rows, "operator_skills", operator_id="O-1", skill_code="WELD", skill_name="Welding")
        for number in range(7):
            put(rows, "integration_failures", failed_at=at(number), error_message=f"={number}", integration_type="mes")
            put(rows, "alerts", severity="warning", raised_at=at(number), message="@all")
            put(rows, "deliveries", created_at=at(number), subject=f"WO-{number}", status="pending")
            put(rows, "integration_audit_log", timestamp=at(number), success=number != 3, http_status_code=200)
            put(rows, "production_logs", machine_id=f"M-{number % 2}", produced_at=at(number), units=number)
        put(rows, "downtime_events", machine_id="M-1", started_at=at(0), duration_seconds=1.5)
        put(rows, "quality_inspections", machine_id="M-1", inspected_at=at(0), defect_detected=True)
    with rows_of(migrated.app_url, NEIGHBOUR) as rows:
        put(rows, "work_orders", tenant_id=NEIGHBOUR, work_order_id="WO-NEIGHBOUR")
        put(rows, "production_logs", tenant_id=NEIGHBOUR, log_id="LOG-NEIGHBOUR")
    return migrated


@pytest.fixture(scope="module")
def analyst(filled: RunningPlant) -> Iterator[TestClient]:
    """Somebody who may read, at a gateway of a plant in Berlin."""
    with own_gateway(filled, plant_timezone="Europe/Berlin") as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        yield client


def parquet(client: TestClient, name: str, **filters: Any) -> pl.DataFrame:
    """A list as Parquet, read back."""
    answer = client.get(f"{EXPORTS}/{name}.parquet", params=filters)
    assert answer.status_code == 200, answer.text
    return pl.read_parquet(io.BytesIO(answer.content))


def table(client: TestClient, name: str, **filters: Any) -> list[dict[str, str]]:
    """A list as CSV, read back by the csv module, which knows RFC 4180."""
    answer = client.get(f"{EXPORTS}/{name}.csv", params=filters)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def listed(client: TestClient, name: str, **filters: Any) -> list[dict[str, Any]]:
    """The list itself, to its end."""
    (path, member), found, cursor = LISTS[name], list[dict[str, Any]](), None
    while True:
        page = client.get(path, params=filters | ({"cursor": cursor} if cursor else {})).json()
        found += page[member]
        if (cursor := page.get("next_cursor")) is None:
            return found


def as_listed(value: Any, told: Any) -> Any:
    """A cell of a Parquet file in the words of the list."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) == datetime.fromisoformat(told) and told
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return json.loads(value) if isinstance(told, dict | list) else value


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_parquet_file_has_the_rows_of_the_list_in_its_order(analyst: TestClient, name: str) -> None:
    shown = listed(analyst, name)
    assert shown
    taken = parquet(analyst, name).to_dicts()
    assert [{key: as_listed(row[key], told[key]) for key in row} for row, told in zip(taken, shown, strict=True)] == [
        {key: told[key] for key in row} for row, told in zip(taken, shown, strict=True)
    ]
    assert taken[0].keys() == shown[0].keys()


@pytest.mark.parametrize("name", sorted(LISTS))
def test_an_export_takes_the_filters_of_its_list(analyst: TestClient, name: str) -> None:
    """Whoever gives a list a filter gives it to the export too."""
    paths = analyst.get("/openapi.json").json()["paths"]

    def filters(path: str) -> dict[str, Any]:
        told = paths[path]["get"].get("parameters", [])
        return {each["name"]: each["schema"] for each in told if each["in"] == "query"}

    offered = filters(f"{EXPORTS}/{name}.{{form}}")
    wanted = {key: told for key, told in filters(LISTS[name][0]).items() if key not in ("limit", "cursor")}
    assert {key: offered.get(key) for key in wanted} == wanted


def test_fields_that_a_form_left_empty_say_nothing(analyst: TestClient) -> None:
    blank = {"status": "", "priority": "", "late": "", "due_before": "", "q": ""}
    assert parquet(analyst, "work-orders", **blank).height == len(HOSTILE)
    assert parquet(analyst, "work-orders", **(blank | {"q": "WO-3"})).height == 1


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("work-orders", {"status": ["in_progress"], "late": "true"}),
        ("work-orders", {"q": "WO-3"}),
        ("work-orders", {"due_before": at(3).isoformat()}),
        ("reservations", {"work_order": "WO-1", "status": "reserved"}),
        ("operators", {"skill": "WELD", "active": "true"}),
        ("failures", {"status": "pending_manual_review", "q": "=4"}),
        ("deliveries", {"subject": "WO-2"}),
        ("audit", {"success": "false"}),
        ("audit", {"since": at(5).isoformat()}),
        ("alerts", {"open": "false"}),
    ],
)
def test_a_filter_leaves_the_same_in_the_file_as_in_the_list(
    analyst: TestClient, name: str, filters: dict[str, Any]
) -> None:
    first = next(iter(DATASETS[name].row.model_fields))
    shown = [row[first] for row in listed(analyst, name, **filters)]
    assert shown
    assert parquet(analyst, name, **filters)[first].to_list() == shown


def test_columns_of_a_parquet_file_have_types(analyst: TestClient) -> None:
    schema = parquet(analyst, "work-orders").schema
    assert schema["quantity_ordered"] == pl.Decimal(38, 6)
    assert schema["due_date"] == pl.Datetime("us", "UTC")
    assert schema["is_late"] == pl.Boolean
    assert schema["version"] == pl.Int64
    assert schema["product_name"] == pl.String
    assert parquet(analyst, "operators").schema["hire_date"] == pl.Date


def test_a_text_that_begins_like_a_formula_is_made_inert_in_csv(analyst: TestClient) -> None:
    cells = [row["product_name"] for row in table(analyst, "work-orders")]
    assert cells == [f"'{text}" if text[:1] in tuple("=+-@\t\r") and text else text for text in HOSTILE]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_lists_within_a_cell_are_json_and_inert_too(analyst: TestClient) -> None:
    (held,) = table(analyst, "reservations")
    assert json.loads(held["batches"])[0]["batch_number"] == "=LOT"
    (person,) = table(analyst, "operators")
    assert person["phone"] == "'+49 30 1"


def test_numbers_stay_numbers_even_negative_ones(filled: RunningPlant, analyst: TestClient) -> None:
    with rows_of(filled.app_url, DEFAULT_TENANT) as rows:
        put(rows, "production_logs", machine_id="M-NEG", cycle_time_seconds=-2.5, order_version=-7)
    (row,) = table(analyst, "production-logs", machine="M-NEG")
    assert (row["cycle_time_seconds"], row["order_version"]) == ("-2.5", "-7")


def test_quantities_have_no_more_decimals_than_they_have(analyst: TestClient) -> None:
    (row,) = table(analyst, "materials")
    assert (row["standard_cost"], row["on_hand_quantity"], row["safety_stock"]) == ("0.000001", "5", "0")


def test_csv_is_rfc_4180_in_utf_8_with_moments_in_utc(analyst: TestClient) -> None:
    answer = analyst.get(f"{EXPORTS}/work-orders.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.content.split(b"\r\n")
    assert lines[0].startswith(b"work_order_id,erp_work_order_id,")
    assert lines[-1] == b""
    assert "🙂" in answer.content.decode("utf-8")
    assert table(analyst, "work-orders")[0]["due_date"] == NOON.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def test_an_empty_list_is_a_file_with_its_columns(analyst: TestClient) -> None:
    answer = analyst.get(f"{EXPORTS}/work-orders.csv", params={"q": "nobody has this"})
    assert answer.content.count(b"\r\n") == 1
    assert parquet(analyst, "work-orders", q="nobody has this").shape[0] == 0
    assert parquet(analyst, "work-orders", q="nobody has this").columns == parquet(analyst, "work-orders").columns


def test_logs_that_have_no_list_are_narrowed_by_machine_order_and_time(analyst: TestClient) -> None:
    told = parquet(analyst, "production-logs", machine="M-1", since=at(2).isoformat(), until=at(5).isoformat())
    assert told["units"].to_list() == [3]
    assert parquet(analyst, "downtimes")["duration_seconds"].to_list() == [1.5]
    assert parquet(analyst, "inspections", work_order="WO-404").shape[0] == 0


def test_a_file_is_named_by_what_it_has_and_the_plants_day(analyst: TestClient) -> None:
    named = analyst.get(f"{EXPORTS}/machines.parquet").headers["content-disposition"]
    day = datetime.now(UTC).astimezone().date()
    assert named.startswith('attachment; filename="machines-20')
    assert named.endswith('.parquet"')
    assert abs(date.fromisoformat(named[len('attachment; filename="machines-') :][:10]) - day).days <= 1


@pytest.mark.parametrize(
    ("path", "filters", "status"),
    [
        ("work-orders.xlsx", {}, 400),
        ("secrets.csv", {}, 404),
        ("work-orders.csv", {"status": "lost"}, 400),
        ("work-orders.csv", {"due_before": "tomorrow"}, 400),
        ("audit.csv", {"since": "2026-11-21T12:00:00"}, 400),
        ("work-orders.csv", {"q": "\0"}, 400),
    ],
)
def test_what_cannot_be_asked_is_refused_as_a_problem(
    analyst: TestClient, path: str, filters: dict[str, str], status: int
) -> None:
    answer = analyst.get(f"{EXPORTS}/{path}", params=filters)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_whoever_is_not_signed_in_gets_no_file(analyst: TestClient) -> None:
    assert analyst.get(f"{EXPORTS}/work-orders.csv", headers={"Authorization": ""}).status_code == 401


def test_a_list_that_is_too_long_is_refused_before_anything_is_sent(filled: RunningPlant) -> None:
    with own_gateway(filled, export_rows_max=9) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        answer = client.get(f"{EXPORTS}/work-orders.csv")
        assert answer.status_code == 422
        assert "More than 9 rows match" in answer.json()["detail"]
        assert client.get(f"{EXPORTS}/failures.csv").status_code == 200


@pytest.mark.parametrize(("tenant", "sees"), [(DEFAULT_TENANT, False), (NEIGHBOUR, True)])
def test_a_file_has_the_rows_of_its_tenant_only(filled: RunningPlant, tenant: str, sees: bool) -> None:
    with own_gateway(filled, tenant_id=tenant) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        assert ("WO-NEIGHBOUR" in parquet(client, "work-orders")["work_order_id"].to_list()) is sees
        assert ("LOG-NEIGHBOUR" in parquet(client, "production-logs")["log_id"].to_list()) is sees


def test_many_rows_come_out_in_many_batches(filled: RunningPlant) -> None:
    """More than two batches of a list that is read by pages, and of a log that Postgres holds."""
    many = "00000000-0000-4000-8000-0000000000aa"
    with rows_of(filled.app_url, many) as rows:
        put(rows, "work_orders", tenant_id=many, work_order_id="WO-0")
        put(rows, "production_logs", tenant_id=many, log_id="LOG-0")
        for table_name, key in (("work_orders", "work_order_id"), ("production_logs", "log_id")):
            multiply(rows, table_name, key, 12_000)
    with own_gateway(filled, tenant_id=many) as (client, _):
        client.headers["Authorization"] = f"Bearer {filled.endpoints['ADMIN_TOKEN']}"
        for name, key in (("work-orders", "work_order_id"), ("production-logs", "log_id")):
            found = parquet(client, name)[key]
            assert (found.len(), found.n_unique()) == (12_001, 12_001)
            assert len(table(client, name)) == 12_001


def multiply(rows: psycopg.Cursor[Any], name: str, key: str, times: int) -> None:
    """So many copies of a table's only row, each with a key of its own."""
    rows.execute(
        "SELECT string_agg(quote_ident(attname), ', ') AS names FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> %s",
        [name, key],
    )
    row = rows.fetchone()
    assert row is not None
    rows.execute(
        f"INSERT INTO {name} ({key}, {row['names']}) SELECT {key} || '-' || number, {row['names']} "
        f"FROM {name}, generate_series(1, {times}) AS number".encode()
    )
