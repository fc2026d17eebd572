"""What the warehouse and the ERP are told of materials, against real rows: asked once, in full, and in one report."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from connectors.cdc import outputs
from connectors.deliveries.kind import Call, New, Refused, Upload
from connectors.deliveries.kinds import consumption, materials
from connectors.deliveries.making import make
from connectors.transports.kafka import Heard
from schemas.codec import encode
from schemas.settings import DEFAULT_TENANT
from sql import deliveries
from tests.integration.test_inventory_cdc import change
from tests.messages import NOON
from tests.plants import RunningPlant
from tests.yards import Row, Yard, reserved

pytestmark = pytest.mark.services

SYSTEMS = {"wms_url": "http://wms", "erp_url": "http://erp"}


@pytest.fixture
def yard(migrated: RunningPlant, rows: psycopg.Cursor[Row]) -> Yard:
    """A plant that calls a warehouse and an ERP."""
    return Yard(rows, migrated.settings(**SYSTEMS))


@pytest.fixture
def alone(migrated: RunningPlant, rows: psycopg.Cursor[Row]) -> Yard:
    """A plant that calls nobody."""
    return Yard(rows, migrated.settings(wms_url=None, erp_url=None))


def assigned(yard: Yard, bill: dict[str, int], order: str = "WO-4600", **fields: Any) -> Row:
    """An order whose materials lie on the shelf, assigned; the delivery that asks the warehouse."""
    for name, units in bill.items():
        yard.stock(name, units * 2, {f"LOT-{name}": units * 2})
    yard.order(order, bill, **fields)
    yard.assign(order)
    (delivery,) = yard.pending("wms.reservation")
    return delivery


def held(yard: Yard, material: str) -> Row:
    return yard.one("SELECT * FROM reservations WHERE material_id = %s", material)


# Reservations


def test_an_assigned_order_asks_the_warehouse_once_for_all_its_materials(yard: Yard) -> None:
    body = yard.body(assigned(yard, {"MAT-A": 400, "MAT-B": 200}))
    assert body["reservation_id"] == "RES-MRAOS-4600"
    assert body["work_order_id"] == "WO-4600"
    assert [(line["material_id"], line["quantity"], line["prefer_batch"]) for line in body["materials"]] == [
        ("MAT-A", 400, "FEFO"),
        ("MAT-B", 200, "FEFO"),
    ]
    assert body["materials"][0]["part_number"] == "P-MAT-A"
    assert body["expected_consumption_date"] >= body["reservation_date"]


def test_only_what_the_order_got_is_asked_for(yard: Yard) -> None:
    yard.stock("MAT-A", 30)
    yard.stock("MAT-B", 0)
    yard.order("WO-1", {"MAT-A": 100, "MAT-B": 10})
    yard.assign("WO-1")
    (delivery,) = yard.pending("wms.reservation")
    assert [(line["material_id"], line["quantity"]) for line in yard.body(delivery)["materials"]] == [("MAT-A", 30)]


def test_an_order_that_got_nothing_asks_nobody(yard: Yard) -> None:
    yard.stock("MAT-A", 0)
    yard.order("WO-1", {"MAT-A": 100})
    yard.assign("WO-1")
    assert yard.pending("wms.reservation") == []


def test_the_request_waits_until_every_material_is_decided(yard: Yard, rows: psycopg.Cursor[Row]) -> None:
    delivery = assigned(yard, {"MAT-A": 4, "MAT-B": 2})
    rows.execute("UPDATE work_orders SET materials_status = 'pending'")
    assert str(yard.request(delivery)).startswith("not yet")
    rows.execute("UPDATE work_orders SET materials_status = 'reserved'")
    rows.execute("DELETE FROM reservations WHERE material_id = 'MAT-B'")
    assert str(yard.request(delivery)).startswith("not yet")


def test_after_a_minute_nobody_waits_and_the_rest_is_asked_for_separately(
    yard: Yard, rows: psycopg.Cursor[Row]
) -> None:
    delivery = assigned(yard, {"MAT-A": 4})
    rows.execute("UPDATE work_orders SET materials_status = 'pending'")
    rows.execute("UPDATE deliveries SET created_at = created_at - interval '2 minutes'")
    delivery |= {"created_at": delivery["created_at"] - timedelta(minutes=2)}
    assert isinstance(yard.request(delivery), Call)


def test_the_warehouses_lots_replace_ours(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 400})
    body = yard.body(delivery)
    yard.answer(delivery, reserved(body, {"MAT-A": [("W-1", 250), ("W-2", 150)]}))
    row = held(yard, "MAT-A")
    assert row["inventory_reservation_id"] == "INV-RES-MRAOS-4600"
    assert [(lot["batch_number"], lot["quantity"], lot["location"]) for lot in row["batches"]] == [
        ("W-1", 250, "Aisle 12"),
        ("W-2", 150, "Aisle 12"),
    ]
    assert yard.pending("wms.reservation") == [], "a confirmation is no new wish"


def test_an_answer_accepted_twice_says_the_same_messages(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 400, "MAT-B": 1})
    yard.answer(delivery, reserved(yard.body(delivery)))
    ids = [each.message_id for each in yard.heard("inventory.reservation_confirmed")]
    assert len(set(ids)) == 2
    assert all(each.startswith(delivery["delivery_id"]) for each in ids)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "partial"}, "status 'partial'"),
        ({"materials_reserved": []}, "reserved nothing of MAT-A"),
        ({"materials_reserved": [{"material_id": "MAT-Z", "quantity_reserved": 1}]}, "MAT-Z unasked"),
        ({"materials_reserved": 7}, "materials_reserved"),
    ],
)
def test_another_answer_is_refused_and_our_reservation_stands(yard: Yard, changes: Any, said: str) -> None:
    delivery = assigned(yard, {"MAT-A": 400})
    answer = reserved(yard.body(delivery), **changes)
    with pytest.raises(Refused, match=said):
        yard.answer(delivery, answer)
    row = held(yard, "MAT-A")
    assert (row["quantity"], row["inventory_reservation_id"]) == (400, None)
    assert len(yard.pending("wms.reservation")) == 1


def test_an_answer_that_is_no_json_object_is_refused(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 400})
    yard.request(delivery)
    with pytest.raises(Refused, match="JSON object"):
        yard.answer(delivery, "<html>")


def test_what_comes_later_is_asked_for_by_a_second_request_of_the_difference(yard: Yard) -> None:
    yard.stock("MAT-A", 30, {"L": 30})
    yard.order("WO-1", {"MAT-A": 100})
    yard.assign("WO-1")
    (first,) = yard.pending("wms.reservation")
    yard.answer(first, reserved(yard.body(first), {"MAT-A": [("L", 30)]}))
    yard.stock("MAT-A", 150, {"L": 150})
    yard.assign("WO-1")
    (second,) = yard.pending("wms.reservation")
    body = yard.body(second)
    assert (body["reservation_id"], body["materials"][0]["quantity"]) == ("RES-MRAOS-1-2", 70)
    yard.answer(second, reserved(body, {"MAT-A": [("L", 70)]}))
    row = held(yard, "MAT-A")
    assert (row["quantity"], row["inventory_reservation_id"]) == (100, "INV-RES-MRAOS-1-2")
    assert sum(lot["quantity"] for lot in row["batches"]) == 100


def test_without_a_warehouse_nobody_is_asked_and_our_own_lots_stand(alone: Yard) -> None:
    alone.stock("MAT-A", 500, {"LOT-1": 500})
    alone.order("WO-1", {"MAT-A": 400})
    alone.assign("WO-1")
    row = held(alone, "MAT-A")
    assert (row["quantity"], row["inventory_reservation_id"]) == (400, None)
    assert [lot["batch_number"] for lot in row["batches"]] == ["LOT-1"]
    assert alone.heard("inventory.reservation_confirmed") == []
    assert alone.pending("wms.reservation") == []


# Releases


def test_a_cancelled_order_gives_back_what_the_warehouse_reserved(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 4, "MAT-B": 2})
    yard.answer(delivery, reserved(yard.body(delivery)))
    yard.command("WO-4600", "cancel")
    (release,) = yard.pending("wms.release")
    made = yard.request(release)
    assert isinstance(made, Call)
    assert made.path == "/api/v1/reservations/RES-MRAOS-4600/release"
    assert made.body["work_order_id"] == "WO-4600"
    yard.answer(release, {"status": "success"})


def test_a_release_waits_for_the_answer_to_the_request(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 4})
    body = yard.body(delivery)
    yard.command("WO-4600", "cancel")
    (release,) = yard.pending("wms.release")
    assert str(yard.request(release)).startswith("not yet")
    yard.answer(delivery, reserved(body))
    assert isinstance(yard.request(release), Call)


def test_an_order_that_is_cancelled_before_the_warehouse_was_asked_asks_it_for_nothing(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 4})
    yard.command("WO-4600", "cancel")
    (release,) = yard.pending("wms.release")
    assert str(yard.request(delivery)).startswith("not needed")
    assert str(yard.request(release)).startswith("not needed")


def test_an_order_that_never_held_anything_releases_nothing(yard: Yard) -> None:
    yard.stock("MAT-A", 0)
    yard.order("WO-1", {"MAT-A": 1})
    yard.assign("WO-1")
    yard.command("WO-1", "cancel")
    assert yard.pending("wms.release") == []


# Consumption at the warehouse


def completed(yard: Yard, bill: dict[str, int], **fields: Any) -> Row:
    """An order that was reserved at the warehouse and completed; the delivery that tells its consumption."""
    delivery = assigned(yard, bill, **fields)
    yard.answer(delivery, reserved(yard.body(delivery), {name: [(f"LOT-{name}", bill[name])] for name in bill}))
    yard.produce("WO-4600", 100)
    (told,) = yard.pending("wms.consumption")
    return told


def test_a_completed_order_tells_its_consumption_once_with_the_lots(yard: Yard) -> None:
    body = yard.body(completed(yard, {"MAT-A": 400, "MAT-B": 200}, production_line_preference="Line 2"))
    assert body["transaction_id"] == "TXN-MRAOS-4600"
    assert body["materials_consumed"] == [
        {
            "material_id": name,
            "quantity_consumed": quantity,
            "batch_number": f"LOT-{name}",
            "reason_code": "PRODUCTION",
            "cost_center": "CC-Manufacturing-Line2",
        }
        for name, quantity in (("MAT-A", 400), ("MAT-B", 200))
    ]


def test_consumption_waits_until_all_materials_are_there(yard: Yard, rows: psycopg.Cursor[Row]) -> None:
    delivery = completed(yard, {"MAT-A": 4, "MAT-B": 2})
    rows.execute("DELETE FROM material_transactions WHERE material_id = 'MAT-B'")
    assert str(yard.request(delivery)).startswith("not yet")


def test_consumption_that_the_warehouse_took_is_confirmed(yard: Yard) -> None:
    delivery = completed(yard, {"MAT-A": 4, "MAT-B": 2})
    yard.request(delivery)
    yard.answer(delivery, {"status": "success", "transaction_id": "TXN-MRAOS-4600"})
    yard.rows.execute("SELECT count(*) AS n FROM material_transactions WHERE warehouse_confirmed_at IS NOT NULL")
    assert yard.rows.fetchall() == [{"n": 2}]
    assert yard.pending("wms.consumption") == []


def test_units_made_after_completion_are_told_in_a_transaction_of_their_own(yard: Yard) -> None:
    first = completed(yard, {"MAT-A": 400})
    yard.request(first)
    yard.answer(first, None)
    yard.produce("WO-4600", 10)
    (second,) = yard.pending("wms.consumption")
    body = yard.body(second)
    assert body["transaction_id"] == "TXN-MRAOS-4600-2"
    assert [line["quantity_consumed"] for line in body["materials_consumed"]] == [40]


def test_an_order_that_used_less_than_was_set_aside_gives_the_rest_back(yard: Yard) -> None:
    delivery = assigned(yard, {"MAT-A": 400})
    yard.answer(delivery, reserved(yard.body(delivery)))
    yard.produce("WO-4600", 50)
    yard.command("WO-4600", "complete")
    (told,) = yard.pending("wms.consumption")
    assert sum(line["quantity_consumed"] for line in yard.body(told)["materials_consumed"]) == 200
    assert yard.pending("wms.release") == []
    yard.answer(told, {"status": "success"})
    (release,) = yard.pending("wms.release")
    assert isinstance(yard.request(release), Call)


def test_an_order_that_used_all_releases_nothing(yard: Yard) -> None:
    delivery = completed(yard, {"MAT-A": 400})
    yard.request(delivery)
    yard.answer(delivery, {"status": "success"})
    assert yard.pending("wms.release") == []


def test_a_warehouse_that_says_no_has_not_taken_it(yard: Yard) -> None:
    delivery = completed(yard, {"MAT-A": 4})
    yard.request(delivery)
    with pytest.raises(Refused, match="rejected"):
        yard.answer(delivery, {"status": "rejected"})
    assert yard.heard("inventory.consumption_confirmed") == []


def test_without_a_warehouse_consumption_counts_at_once(alone: Yard) -> None:
    alone.stock("MAT-A", 500)
    alone.order("WO-1", {"MAT-A": 400})
    alone.produce("WO-1", 100)
    row = alone.one("SELECT warehouse_confirmed_at FROM material_transactions")
    assert row["warehouse_confirmed_at"] is not None
    assert alone.pending("wms.consumption") == []


# Stock levels and master data


def ask(yard: Yard, kind: str) -> Row:
    """A delivery that asks, as the clock makes it."""
    due = materials.stock_due if kind == materials.STOCK else materials.master_data_due
    reacted = due(yard.rows, yard.now, yard.settings)
    make(yard.rows, reacted.deliveries)
    delivery = yard.pending(kind)[-1]
    yard.request(delivery)
    return delivery


def stock_row(name: str, on_hand: Any = 500, **fields: Any) -> dict[str, Any]:
    """A row as in 002 section 6.2.1."""
    return {
        "material_id": name,
        "part_number": name,
        "warehouse": "Plant1-WH",
        "location": "Aisle 12, Bin 3A",
        "on_hand_quantity": on_hand,
        "allocated_quantity": 200,
        "available_quantity": 300,
        "unit_of_measure": "EA",
        "batch_details": [
            {"batch_number": "BATCH-20251115-01", "quantity": 250, "expiration_date": "2026-11-15"},
            {"batch_number": "BATCH-20251116-02", "quantity": 250, "expiration_date": "2026-11-16"},
        ],
        "last_updated": (NOON + timedelta(minutes=5)).isoformat(),
    } | fields


def test_the_documents_stock_becomes_the_materials_row(yard: Yard) -> None:
    yard.stock("MAT-A-1234", 1)
    delivery = ask(yard, materials.STOCK)
    made = yard.request(delivery)
    assert made == Call("GET", "/api/v1/materials/stock-levels", query={"location": "Plant1"})
    yard.answer(delivery, {"materials": [stock_row("MAT-A-1234")]})
    row = yard.one("SELECT on_hand_quantity, allocated_quantity, available_quantity, location FROM materials")
    assert row == {
        "on_hand_quantity": 500,
        "allocated_quantity": 200,
        "available_quantity": 300,
        "location": "Aisle 12, Bin 3A",
    }


def test_a_bad_row_is_a_dead_letter_and_the_others_go_on(yard: Yard) -> None:
    yard.stock("MAT-A", 1)
    yard.stock("MAT-B", 1)
    bad = [stock_row("MAT-B", "500"), stock_row("MAT-B", -1), {"part": "?"}, 7, stock_row("X" * 200)]
    yard.answer(ask(yard, materials.STOCK), {"materials": [*bad, stock_row("MAT-A")]})
    assert yard.one("SELECT on_hand_quantity AS n FROM materials WHERE material_id = 'MAT-A'")["n"] == 500
    assert yard.one("SELECT on_hand_quantity AS n FROM materials WHERE material_id = 'MAT-B'")["n"] == 1
    letters = yard.heard("integration.failed")
    assert len(letters) == 4, "what is wrong with one field of one material is told once"
    assert {each.payload.integration_type for each in letters} == {"inventory_stock_levels_inbound"}


def test_an_unknown_material_is_one_dead_letter_and_named_in_every_summary(yard: Yard) -> None:
    for minutes in (5, 10, 15):
        row = stock_row("MAT-NOBODY", last_updated=(NOON + timedelta(minutes=minutes)).isoformat())
        yard.answer(ask(yard, materials.STOCK), {"materials": [row]})
    (letter,) = yard.heard("integration.failed")
    assert letter.payload.error_details.error_code == "UNKNOWN_MATERIAL"
    yard.rows.execute("SELECT summary FROM sync_runs")
    assert [row["summary"] for row in yard.rows.fetchall()] == [
        "Stock of 0 materials; 0 rows rejected; not known here: MAT-NOBODY."
    ] * 3


def test_a_dead_letter_of_a_row_is_a_message_that_can_be_repaired(yard: Yard) -> None:
    yard.answer(ask(yard, materials.STOCK), {"materials": [stock_row("MAT-LATE")]})
    (letter,) = yard.heard("integration.failed")
    assert letter.payload.inbox == "material-inbox"
    said = letter.payload.original_message
    assert (said["type"], said["payload"]["material_id"]) == ("inventory.stock_reported", "MAT-LATE")


@pytest.mark.parametrize("answer", [None, [], {}, {"materials": None}, "<html>"])
def test_an_answer_without_rows_is_refused(yard: Yard, answer: Any) -> None:
    with pytest.raises(Refused, match="list called materials"):
        yard.answer(ask(yard, materials.STOCK), answer)


def test_stock_below_the_safety_stock_raises_an_alert_by_pull_and_by_cdc(yard: Yard) -> None:
    for name in ("MAT-PULL", "MAT-CDC"):
        yard.stock(name, 500, safety_stock=Decimal(100))
    yard.said.clear()
    row = stock_row("MAT-PULL", 250, allocated_quantity=200, batch_details=[])
    yard.answer(ask(yard, materials.STOCK), {"materials": [row]})
    told = change("MAT-CDC", 40, "T-1") | {"timestamp": (yard.now + timedelta(seconds=1)).isoformat()}
    yard.publish(
        outputs(yard.settings, [Heard("inventory-cdc", 0, 0, b"", encode(told), yard.now + timedelta(seconds=2))])
    )
    alerts = [each.payload for each in yard.heard("alert.raised") if each.payload.kind == "material.reorder"]
    assert [alert.entity_id for alert in alerts] == ["MAT-PULL", "MAT-CDC"]


def test_transactions_of_a_few_seconds_are_followed_by_one_question_for_the_stock(yard: Yard) -> None:
    delivery = completed(yard, {"MAT-A": 4, "MAT-B": 2})
    yard.request(delivery)
    yard.answer(delivery, {"status": "success"})
    assert len(yard.pending(materials.STOCK)) == 1


def test_the_master_data_of_all_pages_are_upserted_and_bad_rows_are_dead_letters(yard: Yard) -> None:
    good = {
        "material_id": "MAT-A-1234",
        "part_number": "A-1234",
        "part_name": "Door Panel",
        "description": "Front door panel for standard washers",
        "category": "Fabricated Parts",
        "unit_of_measure": "EA",
        "standard_cost": 12.50,
        "currency": "USD",
        "is_active": True,
    }
    delivery = ask(yard, materials.MASTER)
    pages = (
        {"materials": [good, {"material_id": "MAT-BAD", "part_number": "B"}]},
        {"materials": [good | {"material_id": "MAT-2"}, good | {"material_id": "MAT-3", "standard_cost": "12"}]},
    )
    yard.answer(delivery, *pages)
    yard.rows.execute("SELECT material_id, standard_cost FROM materials ORDER BY 1")
    assert [(row["material_id"], float(row["standard_cost"])) for row in yard.rows.fetchall()] == [
        ("MAT-2", 12.5),
        ("MAT-A-1234", 12.5),
    ]
    codes = [each.payload.error_details.path for each in yard.heard("integration.failed")]
    assert codes == ["part_name", "standard_cost"]
    yard.rows.execute("SELECT material_id FROM ops.material_keys ORDER BY 1")
    assert [row["material_id"] for row in yard.rows.fetchall()] == ["MAT-2", "MAT-A-1234"]
    assert yard.one("SELECT added, updated, rejected FROM sync_runs") == {"added": 2, "updated": 0, "rejected": 2}


def test_a_plant_without_warehouse_and_erp_asks_nobody(alone: Yard) -> None:
    assert materials.stock_due(alone.rows, NOON, alone.settings).deliveries == ()
    assert materials.master_data_due(alone.rows, NOON, alone.settings).deliveries == ()
    assert consumption.report_due(alone.rows, NOON, alone.settings).deliveries == ()


# The hourly consumption report


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


def test_the_report_goes_as_a_file_where_the_setting_says_so(yard: Yard, migrated: RunningPlant) -> None:
    settings = migrated.settings(**SYSTEMS, consumption_report_by="sftp", sftp_url="sftp://u:p@h/in")
    yard = replace(yard, settings=settings)
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


def test_the_kinds_of_the_clock_can_be_made(rows: psycopg.Cursor[Row]) -> None:
    names = ("wms.stock_levels", "erp.materials", "erp.material_consumption", "files.material_consumption")
    assert make(rows, [New(name, DEFAULT_TENANT, "s", f"c-{name}") for name in names]) == len(names)
