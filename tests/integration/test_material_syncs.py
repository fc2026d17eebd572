"""Stock levels and master data that are asked for, against real rows: good rows count, each other is named once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from connectors.deliveries.kind import Call, New, Refused
from connectors.deliveries.kinds import consumption, materials
from connectors.deliveries.making import make
from connectors.foreign import outputs
from connectors.transports.kafka import Heard
from schemas.codec import encode
from schemas.settings import DEFAULT_TENANT
from tests.integration.test_inventory_cdc import change
from tests.messages import NOON
from tests.yards import Row, Yard, completed

pytestmark = pytest.mark.services


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


def test_the_kinds_of_the_clock_can_be_made(rows: psycopg.Cursor[Row]) -> None:
    names = ("wms.stock_levels", "erp.materials", "erp.material_consumption", "files.material_consumption")
    assert make(rows, [New(name, DEFAULT_TENANT, "s", f"c-{name}") for name in names]) == len(names)
