"""The hourly consumption report, against real rows: each transaction is in exactly one."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.deliveries.kind import Call, Upload
from connectors.deliveries.kinds import consumption
from connectors.deliveries.making import make
from schemas.settings import DEFAULT_TENANT
from sql import deliveries
from tests.messages import NOON
from tests.plants import RunningPlant
from tests.yards import Row, Yard

pytestmark = pytest.mark.services


def hour(hours: int) -> datetime:
    """Five past an hour after noon."""
    return datetime(2026, 11, 21, 12 + hours, 5, tzinfo=UTC)


def consumed(yard: Yard, order: str, bill: dict[str, int], at: datetime) -> None:
    """An order that used its materials up at a moment."""
    yard.now = at
    for name, units in bill.items():
        yard.stock(name, units * 10)
    yard.order(order, bill)
    yard.produce(order, 100)


def report(yard: Yard, moment: datetime) -> list[Row]:
    """The clock strikes: the reports that wait."""
    reacted = consumption.report_due(yard.rows, moment, yard.settings)
    make(yard.rows, reacted.deliveries)
    return [*yard.pending(consumption.BY_API), *yard.pending(consumption.BY_FILE)]


def test_an_hour_is_reported_by_material_and_order_up_to_the_full_hour(yard: Yard) -> None:
    consumed(yard, "WO-1", {"MAT-A": 400, "MAT-B": 200}, NOON + timedelta(minutes=10))
    consumed(yard, "WO-2", {"MAT-A": 5}, NOON + timedelta(minutes=59))
    consumed(yard, "WO-3", {"MAT-A": 7}, NOON + timedelta(minutes=61))
    (delivery,) = report(yard, hour(1))
    made = yard.request(delivery)
    assert isinstance(made, Call)
    assert (made.method, made.path) == ("POST", "/api/inventory/material-consumption")
    body = yard.body(delivery)
    assert body["period_end"] == "2026-11-21T13:00:00Z"
    lines = [
        (each["erp_work_order_id"], each["material_id"], each["quantity_consumed"])
        for each in body["materials_consumed"]
    ]
    assert lines == [("ERP-WO-1", "MAT-A", 400), ("ERP-WO-1", "MAT-B", 200), ("ERP-WO-2", "MAT-A", 5)]
    yard.answer(delivery, {"status": "success"})
    yard.rows.execute("SELECT work_order_id FROM material_transactions WHERE synchronized_at IS NULL")
    assert [row["work_order_id"] for row in yard.rows.fetchall()] == ["WO-3"]


def test_an_empty_hour_sends_nothing(yard: Yard) -> None:
    assert report(yard, hour(1)) == []


def test_a_transaction_is_in_exactly_one_report(yard: Yard) -> None:
    consumed(yard, "WO-1", {"MAT-A": 400}, NOON + timedelta(minutes=10))
    (first,) = report(yard, hour(1))
    assert report(yard, hour(1)) == [first], "the same moment makes no second one"
    yard.request(first)
    consumed(yard, "WO-2", {"MAT-A": 5}, NOON + timedelta(minutes=70))
    first, second = report(yard, hour(2))
    told = [[line["mraos_work_order_id"] for line in yard.body(each)["materials_consumed"]] for each in (first, second)]
    assert told == [["WO-1"], ["WO-2"]]


def test_two_reports_that_wait_share_the_transactions(yard: Yard) -> None:
    consumed(yard, "WO-1", {"MAT-A": 400}, NOON + timedelta(minutes=10))
    report(yard, hour(1))
    first, second = report(yard, hour(2))
    assert isinstance(yard.request(second), Call)
    assert str(yard.request(first)).startswith("not needed")


def fail(yard: Yard, delivery: Row) -> None:
    """Its retries are exhausted."""
    deliveries.end(
        yard.rows, delivery["delivery_id"], "failed", yard.now, attempts=0, failure_key=f"key-{delivery['delivery_id']}"
    )


def discard(yard: Yard, delivery: Row) -> None:
    """A person gives its dead letter up."""
    yard.rows.execute(
        "INSERT INTO integration_failures (tenant_id, failure_id, failure_key, integration_type, error_code, "
        "error_message, trace_id, inbox, source_address, original_bytes, correlation_id, status, retry_count, "
        "failed_at, event_topic, event_partition, event_offset, caused_by) VALUES (%s, 'F-1', %s, 'erp', 'C', 'words', "
        "'t', 'deliveries', 'd', '', 'c', 'discarded', 0, now(), 'integration-failures', 0, 0, 'm')",
        [DEFAULT_TENANT, f"key-{delivery['delivery_id']}"],
    )


def test_a_failed_report_keeps_its_transactions_and_a_retry_tells_the_same(yard: Yard) -> None:
    consumed(yard, "WO-1", {"MAT-A": 400}, NOON + timedelta(minutes=10))
    (first,) = report(yard, hour(1))
    before = yard.body(first)
    fail(yard, first)
    assert report(yard, hour(2)) == []
    deliveries.retry(yard.rows, first["delivery_id"])
    assert yard.body(first) == before


def test_a_report_that_was_given_up_frees_its_transactions_and_is_never_told(yard: Yard) -> None:
    consumed(yard, "WO-1", {"MAT-A": 400}, NOON + timedelta(minutes=10))
    (first,) = report(yard, hour(1))
    yard.request(first)
    fail(yard, first)
    discard(yard, first)
    (second,) = report(yard, hour(2))
    assert [line["mraos_work_order_id"] for line in yard.body(second)["materials_consumed"]] == ["WO-1"]
    deliveries.retry(yard.rows, first["delivery_id"])
    assert str(yard.request(first)).startswith("not needed")


def test_the_report_goes_as_a_file_where_the_setting_says_so(yard: Yard) -> None:
    by_file = {"consumption_report_by": "sftp", "sftp_url": "sftp://u:p@h/in"}
    yard = replace(yard, settings=yard.settings.model_copy(update=by_file))
    consumed(yard, "WO-1", {"MAT-A": 400}, NOON + timedelta(minutes=10))
    (delivery,) = report(yard, hour(1))
    made = yard.request(delivery)
    assert isinstance(made, Upload)
    assert made.name.startswith("CONS-20261121T130000Z-")
    assert made.name.endswith(".csv")
    (line,) = csv.DictReader(io.StringIO(made.content))
    assert (line["material_id"], line["mraos_work_order_id"], line["quantity_consumed"]) == ("MAT-A", "WO-1", "400")
    yard.answer(delivery, {"path": "/in/x.csv", "bytes": 1})
    assert yard.one("SELECT synchronized_at FROM material_transactions")["synchronized_at"] is not None


def test_reports_follow_the_full_hour_of_the_plants_clock(migrated: RunningPlant) -> None:
    settings = migrated.settings(plant_timezone="Asia/Kolkata")
    told = consumption.full_hour(datetime(2026, 11, 21, 12, 35, tzinfo=UTC), settings)
    assert told.astimezone(UTC) == datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
