"""What the warehouse is told of reservations and consumption, against real rows: asked once, and in full."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from connectors.deliveries.kind import Call, Refused
from tests.yards import Row, Yard, assigned, completed, reserved

pytestmark = pytest.mark.services


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
